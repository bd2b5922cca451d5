"""One small mesh for explanations: a caller, a server with policies, a gateway.

Comes in: more objects. Goes out: a snapshot, and proxies of its pods.
"""

from typing import Any

from google.protobuf import json_format

from pilot.explain.answer import Explanation
from pilot.explain.held import proxy_of
from pilot.explain.request import parse_request
from pilot.explain.walk import explain
from pilot.memo import finish
from pilot.model.snapshot import Snapshot
from pilot.view.proxy import Proxy
from tests.pilot.model.meshes import mesh_of

MESH = """
kind: Service
metadata: {name: web, namespace: app}
spec: {clusterIP: 10.96.0.1, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
kind: Pod
metadata: {name: web-1, namespace: app, labels: {app: web, version: v1, security.istio.io/tlsMode: istio}}
spec: {serviceAccountName: web}
status: {podIP: 10.1.0.1, phase: Running}
---
kind: EndpointSlice
metadata: {name: web-a, namespace: app, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [{addresses: [10.1.0.1], targetRef: {kind: Pod, name: web-1, namespace: app}}]
---
kind: Pod
metadata: {name: caller, namespace: app, labels: {app: caller, security.istio.io/tlsMode: istio}}
spec: {serviceAccountName: caller}
status: {podIP: 10.1.0.9, phase: Running}
---
kind: Service
metadata: {name: edge, namespace: app}
spec: {clusterIP: 10.96.0.2, selector: {app: edge}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
kind: EndpointSlice
metadata: {name: edge-a, namespace: app, labels: {kubernetes.io/service-name: edge}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [{addresses: [10.1.0.2], targetRef: {kind: Pod, name: edge, namespace: app}}]
---
kind: Pod
metadata: {name: edge, namespace: app, labels: {app: edge}}
spec: {serviceAccountName: edge}
status: {podIP: 10.1.0.2, phase: Running}
---
kind: Gateway
metadata: {name: g, namespace: app}
spec: {selector: {app: edge}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.test]}]}
---
kind: VirtualService
metadata: {name: front, namespace: app}
spec: {hosts: [a.test], gateways: [g], http: [{route: [{destination: {host: web}}]}]}
"""


def snapshot(more: str = "") -> Snapshot:
    """The mesh, and more."""
    return mesh_of(f"{MESH}\n---\n{more}" if more else MESH)


def proxy(mesh: Snapshot, name: str = "caller") -> Proxy:
    """The proxy of a pod."""
    pod = mesh.workloads.pod("app", name)
    assert pod is not None
    return proxy_of(mesh, pod)


def told(url: str, more: str = "", name: str = "caller", method: str = "GET", *headers: str) -> Explanation:
    """What would happen."""
    mesh = snapshot(more)
    return finish(explain(mesh, proxy(mesh, name), parse_request(url, method, headers)))


def message(kind: Any, value: dict[str, Any]) -> Any:
    """A message of Envoy's."""
    return json_format.ParseDict(value, kind())
