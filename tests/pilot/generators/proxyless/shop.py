"""A small mesh and a gRPC client in it."""

from pilot.view.proxy_view import ProxyView
from tests.recordings import snapshot_of, view_of

SHOP = """
apiVersion: v1
kind: Service
metadata: {name: echo, namespace: app}
spec:
  clusterIP: 10.0.0.1
  selector: {app: echo}
  ports: [{name: grpc, port: 7070, targetPort: 17070}, {name: u, port: 53, protocol: UDP}]
---
apiVersion: v1
kind: Pod
metadata: {name: echo-0, namespace: app, labels: {app: echo, security.istio.io/tlsMode: istio}}
spec: {serviceAccountName: echo, containers: [{name: echo}]}
status: {phase: Running, podIP: 10.1.0.1, conditions: [{type: Ready, status: 'True'}]}
"""


def view(text: str = SHOP, **labels: str) -> ProxyView:
    """What a gRPC client beside the pod is given."""
    declared = {
        "id": "sidecar~10.1.0.1~echo-0.app~app.svc.cluster.local",
        "metadata": {
            "NAMESPACE": "app", "GENERATOR": "grpc", "CLUSTER_ID": "Kubernetes", "LABELS": {"app": "echo", **labels},
        },
    }  # fmt: skip
    return view_of(snapshot_of(text), declared)


def with_object(kind: str, spec: str, *, api: str = "networking.istio.io/v1", name: str = "x") -> str:
    """The mesh with one object more."""
    return f"{SHOP}\n---\napiVersion: {api}\nkind: {kind}\nmetadata: {{name: {name}, namespace: app}}\nspec: {spec}\n"
