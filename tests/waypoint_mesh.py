"""A small mesh without sidecars: a waypoint in namespace shop and a service `web` behind it.

Comes in: more objects (YAML), settings. Goes out: snapshots, and views of the waypoint.
"""

from collections.abc import Mapping
from typing import Any

from pilot.model.snapshot import Snapshot
from pilot.view.proxy_view import ProxyView
from tests.recordings import RECORDED_ENVIRONMENT, snapshot_of, view_of

HOST = "web.shop.svc.cluster.local"
WAYPOINT = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/use-waypoint: waypoint}}
---
apiVersion: v1
kind: Service
metadata: {name: waypoint, namespace: shop, labels: {gateway.istio.io/managed: istio.io-mesh-controller}}
spec:
  clusterIP: 10.0.0.100
  selector: {gateway.networking.k8s.io/gateway-name: waypoint}
  ports: [{name: mesh, port: 15008, appProtocol: hbone}]
"""
GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: waypoint, namespace: shop}
spec:
  gatewayClassName: istio-waypoint
  listeners: [{name: mesh, port: 15008, protocol: HBONE, allowedRoutes: {namespaces: {from: All}}}]
"""
WEB = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.0.0.1, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
"""
NODE: Mapping[str, Any] = {
    "id": "waypoint~10.1.0.9~waypoint-0.shop~shop.svc.cluster.local",
    "cluster": "waypoint.shop",
    "metadata": {
        "NAMESPACE": "shop",
        "CLUSTER_ID": "Kubernetes",
        "ISTIO_VERSION": "1.29.1",
        "LABELS": {"gateway.networking.k8s.io/gateway-name": "waypoint"},
    },
}


def pod(name: str, ip: str, labels: str = "{app: web}", *, captured: bool = True) -> str:
    """A Pod of namespace shop; `captured`: its node's ztunnel takes HBONE for it."""
    annotations = "{ambient.istio.io/redirection: enabled}" if captured else "{}"
    return f"""
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: shop, labels: {labels}, annotations: {annotations}}}
spec: {{serviceAccountName: web, nodeName: n, containers: [{{name: c}}]}}
status:
  phase: Running
  podIP: {ip}
  podIPs: [{{ip: {ip}}}]
  conditions: [{{type: Ready, status: "True"}}]
"""


def slice_of(service: str, ip: str, name: str, port: int = 8080, port_name: str = "http") -> str:
    """The slice of a service with one Pod."""
    return f"""
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {service}-1, namespace: shop, labels: {{kubernetes.io/service-name: {service}}}}}
addressType: IPv4
endpoints:
- addresses: [{ip}]
  conditions: {{ready: true}}
  targetRef: {{kind: Pod, name: {name}, namespace: shop}}
ports: [{{port: {port}, name: {port_name}}}]
"""


def ambient(*objects: str, gateway: str = GATEWAY, environment: Mapping[str, str] | None = None) -> Snapshot:
    """The mesh with these objects besides."""
    text = "\n---\n".join((WAYPOINT, gateway, WEB, *objects))
    return snapshot_of(text, "", {**RECORDED_ENVIRONMENT, **(environment or {})})


def waypoint(
    *objects: str, gateway: str = GATEWAY, environment: Mapping[str, str] | None = None, extensions: Any = ()
) -> ProxyView:
    """What the waypoint of that mesh sees."""
    return view_of(ambient(*objects, gateway=gateway, environment=environment), NODE, extensions)
