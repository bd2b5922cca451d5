"""A small ambient mesh for tests: YAML in, what workload discovery makes of it out."""

from pilot.model.ambient import index
from pilot.model.ambient.index import AmbientIndex
from pilot.model.ambient.mesh import AmbientMesh
from pilot.model.snapshot import Snapshot
from tests.recordings import snapshot_of

AMBIENT = {"PILOT_ENABLE_AMBIENT": "true"}

NAMESPACE = """
apiVersion: v1
kind: Namespace
metadata: {name: app}
---
"""

SHOP = (
    NAMESPACE
    + """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: app}
spec: {clusterIP: 10.0.0.1, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-0, namespace: app, labels: {app: web}, annotations: {ambient.istio.io/redirection: enabled}}
spec: {serviceAccountName: web, nodeName: n1, containers: [{name: web, image: x}]}
status: {phase: Running, podIP: 10.1.0.1, conditions: [{type: Ready, status: 'True'}]}
"""
)

WAYPOINT = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: wp, namespace: app, labels: {istio.io/waypoint-for: all}}
spec:
  gatewayClassName: istio-waypoint
  listeners: [{name: mesh, port: 15008, protocol: HBONE}]
---
apiVersion: v1
kind: Service
metadata: {name: wp, namespace: app}
spec: {clusterIP: 10.0.0.9, ports: [{name: mesh, port: 15008}]}
"""


def documents(*parts: str) -> str:
    """Several texts as one stream of documents."""
    return "\n---\n".join(parts)


def mesh_of(snapshot: Snapshot) -> AmbientMesh:
    """The parts of a snapshot that count."""
    return AmbientMesh(
        snapshot.settings,
        snapshot.seen,
        snapshot.workloads,
        snapshot.service_index,
        snapshot.endpoint_index,
        snapshot.conversions.waypoints,
        snapshot.policies,
        snapshot.peer_authentications,
    )


def ambient(*parts: str, **environment: str) -> AmbientIndex:
    """The index of what these documents declare."""
    snapshot = snapshot_of(documents(*parts), environment={**AMBIENT, **environment})
    return index.update(AmbientIndex(), mesh_of(snapshot))
