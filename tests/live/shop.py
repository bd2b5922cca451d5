"""The manifests of the mesh that live tests play with: a gateway, `front`, and two versions of `back`.

Comes in: the addresses of a test. Goes out: YAML texts by file name. Like examples/bookinfo, but without application
programs, and with weights that one test can read from a single answer.
"""

from tests.loopback import Network

NUMBERS = {"gateway": 2, "front-v1": 11, "back-v1": 21, "back-v2": 22}
"""Last part of the address where each proxy takes calls."""

WORKLOADS = tuple(name for name in NUMBERS if name != "gateway")
HTTP = 8080
PORT = 9080


def egress(network: Network, name: str) -> str:
    """Where a workload's own calls leave."""
    return network.address(NUMBERS[name] + 100)


def identity(name: str) -> str:
    """The SPIFFE id of a proxy; both versions of `back` are one."""
    namespace = "istio-system" if name == "gateway" else "shop"
    return f"spiffe://cluster.local/ns/{namespace}/sa/{name.partition('-')[0]}"


def manifests(network: Network) -> dict[str, str]:
    """Everything, by file name."""
    pods = {f"pod-{name}.yaml": _pod(name, network.address(number)) for name, number in NUMBERS.items()}
    sidecars = "---\n".join(_sidecar(name, network) for name in WORKLOADS)
    services = "---\n".join(_service(name, number) for number, name in enumerate(("front", "back"), 1))
    fixed = {"security.yaml": _SECURITY, "gateway.yaml": _GATEWAY.format(address=network.address(2))}
    return pods | fixed | {"sidecars.yaml": sidecars, "services.yaml": services, "back.yaml": back(100, 0)}


def back(v1: int, v2: int) -> str:
    """How calls to `back` split. Every call is a connection of its own, with a handshake of its own."""
    return f"""\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: back, namespace: shop}}
spec:
  hosts: [back]
  http:
  - route:
    - {{destination: {{host: back, subset: v1}}, weight: {v1}}}
    - {{destination: {{host: back, subset: v2}}, weight: {v2}}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: back, namespace: shop}}
spec:
  host: back
  trafficPolicy: {{connectionPool: {{http: {{maxRequestsPerConnection: 1}}}}}}
  subsets:
  - {{name: v1, labels: {{version: v1}}}}
  - {{name: v2, labels: {{version: v2}}}}
"""


def _service(name: str, number: int) -> str:
    return f"""\
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec:
  clusterIP: 10.96.1.{number}
  selector: {{app: {name}}}
  ports: [{{name: http, port: {PORT}, targetPort: {PORT}}}]
"""


def labels(name: str) -> dict[str, str]:
    """Of a Pod."""
    if name == "gateway":
        return {"app": "gateway", "istio": "gateway"}
    app, _, version = name.partition("-")
    return {"app": app, "version": version, "security.istio.io/tlsMode": "istio"}


def _pod(name: str, address: str) -> str:
    namespace = "istio-system" if name == "gateway" else "shop"
    shown = ", ".join(f"{key}: {value}" for key, value in labels(name).items())
    return f"""\
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {namespace}, labels: {{{shown}}}}}
spec:
  serviceAccountName: {name.partition("-")[0]}
  containers: [{{name: app, ports: [{{containerPort: {PORT}}}]}}]
status:
  phase: Running
  podIP: {address}
  conditions: [{{type: Ready, status: "True"}}]
"""


def _sidecar(name: str, network: Network) -> str:
    app, _, version = name.partition("-")
    return f"""\
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: {name}, namespace: shop}}
spec:
  workloadSelector: {{labels: {{app: {app}, version: {version}}}}}
  ingress:
  - port: {{number: {PORT}, protocol: HTTP, name: http}}
    bind: {network.address(NUMBERS[name])}
    defaultEndpoint: unix://{network.socket(name)}
  egress:
  - port: {{number: {PORT}, protocol: HTTP, name: http}}
    bind: {egress(network, name)}
    hosts: ["./*"]
"""


_SECURITY = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec:
  mtls: {mode: STRICT}
"""

_GATEWAY = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: shop, namespace: shop}}
spec:
  selector: {{istio: gateway}}
  servers:
  - port: {{number: 8080, name: http, protocol: HTTP}}
    bind: {address}
    hosts: ["*"]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: shop, namespace: shop}}
spec:
  hosts: ["*"]
  gateways: [shop]
  http:
  - route:
    - destination: {{host: front, port: {{number: 9080}}}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: front, namespace: shop}}
spec:
  host: front
  trafficPolicy: {{connectionPool: {{http: {{maxRequestsPerConnection: 1}}}}}}
"""
