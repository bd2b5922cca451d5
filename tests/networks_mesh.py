"""Two clusters on two networks in ambient mode, for tests: what each declares, and the mesh of both."""

from dataclasses import replace
from itertools import starmap
from typing import Any

from pilot.model.features import Features
from pilot.model.mesh import MeshConfig, ServiceScope, ServiceScopeConfigs
from pilot.model.objects import Event
from pilot.model.selectors import LabelSelector
from pilot.model.snapshot import Snapshot
from pilot.view.proxy_view import ProxyView
from tests.recordings import decode_objects, view_of

GLOBAL = LabelSelector(match_labels={"istio.io/global": "true"})
MESH = MeshConfig(service_scope_configs=(ServiceScopeConfigs(services_selector=GLOBAL, scope=ServiceScope.GLOBAL),))
FEATURES = replace(
    Features(),
    ambient=True,
    sending_hbone=True,
    ambient_multi_network=True,
    multi_network_waypoints=True,
    ingress_waypoint_routing=True,
)

WAYS = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: to-west, namespace: istio-system, labels: {topology.istio.io/network: west}}
spec:
  gatewayClassName: istio-remote
  addresses: [{type: IPAddress, value: 198.51.100.7}]
  listeners:
  - {name: hbone, port: 15008, protocol: HBONE, tls: {mode: Passthrough}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: eastwest, namespace: istio-system, labels: {topology.istio.io/network: east}}
spec:
  gatewayClassName: istio-east-west
  listeners:
  - {name: mesh, port: 15008, protocol: HBONE, tls: {mode: Terminate}}
"""


def cluster(
    network: str, vip: str, *addresses: str, labels: str = "istio.io/global: 'true'", around: str = "", more: str = ""
) -> list[Event]:
    """A network's system namespace, the service `web` with a pod for each address, and more."""
    pods = "".join(_pod(number, address) for number, address in enumerate(addresses))
    text = f"""
apiVersion: v1
kind: Namespace
metadata: {{name: istio-system, labels: {{topology.istio.io/network: {network}}}}}
---
apiVersion: v1
kind: Namespace
metadata: {{name: shop, labels: {{{around}}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: web, namespace: shop, labels: {{{labels}}}}}
spec: {{clusterIP: {vip}, selector: {{app: web}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: web-1, namespace: shop, labels: {{kubernetes.io/service-name: web}}}}
addressType: IPv4
ports: [{{name: http, port: 8080}}]
endpoints:
{"".join(starmap(_endpoint, enumerate(addresses)))}
{pods}
{more}
"""
    return list(decode_objects(text))


def _endpoint(number: int, address: str) -> str:
    target = f"{{kind: Pod, name: web-{number}, namespace: shop}}"
    return f"- {{addresses: [{address}], conditions: {{ready: true}}, targetRef: {target}}}\n"


def _pod(number: int, address: str) -> str:
    return f"""
---
apiVersion: v1
kind: Pod
metadata:
  {{name: web-{number}, namespace: shop, labels: {{app: web}}, annotations: {{ambient.istio.io/redirection: enabled}}}}
spec: {{serviceAccountName: web, nodeName: n1, containers: [{{name: web, image: x}}]}}
status: {{phase: Running, podIP: {address}, podIPs: [{{ip: {address}}}], conditions: [{{type: Ready, status: 'True'}}]}}
"""


def mesh_of(
    own: list[Event], west: list[Event] | None = None, *, features: Features = FEATURES, mesh: MeshConfig = MESH
) -> Snapshot:
    """The cluster `Kubernetes`, and `west` beside it."""
    snapshot, _ = Snapshot.empty(mesh=mesh, features=features).apply(own)
    return snapshot if west is None else snapshot.apply_remote("west", west)[0]


def entrance(*own: Event, features: Features = FEATURES, extensions: Any = ()) -> ProxyView:
    """What the gateway of network east sees, through which the others come in."""
    node = "waypoint~10.1.0.8~eastwest-0.istio-system~istio-system.svc.cluster.local"
    labels = {"gateway.networking.k8s.io/gateway-name": "eastwest"}
    metadata = {"NAMESPACE": "istio-system", "CLUSTER_ID": "Kubernetes", "NETWORK": "east", "LABELS": labels}
    far = cluster("west", "10.9.0.1", "10.2.0.1")
    snapshot = mesh_of([*own] or cluster("east", "10.0.0.1", "10.1.0.1", more=f"---{WAYS}"), far, features=features)
    return view_of(snapshot, {"id": node, "cluster": "eastwest", "metadata": metadata}, extensions)
