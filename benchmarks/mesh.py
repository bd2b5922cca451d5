"""The mesh under load: a directory of YAML with S services, and the edits whose cost is measured.

The shape is that of the recorded figures: one HTTP port and a few endpoints a service, five namespaces, every tenth
service with a DestinationRule of two subsets and a weighted VirtualService; names are so long that a full answer has
the recorded size. One file per service, so an edit is one file.
"""

import pathlib
from collections.abc import Iterator
from dataclasses import dataclass

NAMESPACES = 5
PORT = 8080


@dataclass(frozen=True, slots=True)
class Mesh:
    """`services` services of `endpoints` endpoints each, written under `root`."""

    root: pathlib.Path
    services: int
    endpoints: int = 2

    def write(self) -> None:
        """Writes everything."""
        self.root.mkdir(parents=True, exist_ok=True)
        spaces = "---\n".join(
            f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: ns-{n}}}\n" for n in range(NAMESPACES)
        )
        (self.root / "namespaces.yaml").write_text(spaces)
        for number in range(self.services):
            self.write_service(number)
            if number % 10 == 0:
                self.write_routes(number, weight=50)

    def namespace(self, number: int) -> str:
        """Where a service lives."""
        return f"ns-{number % NAMESPACES}"

    def write_service(self, number: int, unready: int = 0) -> None:
        """A Service and its EndpointSlice; the first `unready` endpoints are not ready."""
        name, namespace = f"s{number}", self.namespace(number)
        rows = "".join(
            f"- addresses: [{address}]\n  conditions: {{ready: {'false' if i < unready else 'true'}}}\n"
            f"  targetRef: {{kind: Pod, name: {name}-{i}, namespace: {namespace}}}\n"
            for i, address in enumerate(self.addresses(number))
        )
        pods = "".join(
            f"---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}-{i}\n  namespace: {namespace}\n"
            f"  labels: {{app: {name}, version: v{i % 2 + 1}, security.istio.io/tlsMode: istio}}\n"
            f"spec: {{serviceAccountName: {name}}}\nstatus: {{phase: Running, podIP: {address}}}\n"
            for i, address in enumerate(self.addresses(number))
        )
        text = (
            f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\n"
            f"spec:\n  clusterIP: 10.{100 + number // 65536}.{number // 256 % 256}.{number % 256}\n"
            f"  selector: {{app: {name}}}\n  ports: [{{name: http, port: {PORT}, targetPort: {PORT}}}]\n"
            f"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: {name}\n"
            f"  namespace: {namespace}\n  labels: {{kubernetes.io/service-name: {name}}}\naddressType: IPv4\n"
            f"ports: [{{name: http, port: {PORT}, protocol: TCP}}]\nendpoints:\n{rows}{pods}"
        )
        self._replace(f"service-{number}.yaml", text)

    def write_routes(self, number: int, weight: int) -> None:
        """The DestinationRule and the weighted VirtualService of a service."""
        name, namespace = f"s{number}", self.namespace(number)
        place = f"metadata: {{name: {name}, namespace: {namespace}}}"
        text = (
            f"apiVersion: networking.istio.io/v1\nkind: DestinationRule\n{place}\nspec:\n  host: {name}\n"
            "  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]\n"
            f"---\napiVersion: networking.istio.io/v1\nkind: VirtualService\n{place}\n"
            f"spec:\n  hosts: [{name}]\n  http:\n  - route:\n"
            f"    - {{destination: {{host: {name}, subset: v1}}, weight: {weight}}}\n"
            f"    - {{destination: {{host: {name}, subset: v2}}, weight: {100 - weight}}}\n"
        )
        self._replace(f"routes-{number}.yaml", text)

    def write_policy(self, mode: str) -> None:
        """A namespace-wide mTLS policy."""
        self._replace(
            "policy.yaml",
            "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
            f"metadata: {{name: default, namespace: ns-0}}\nspec: {{mtls: {{mode: {mode}}}}}\n",
        )

    def addresses(self, number: int) -> Iterator[str]:
        """Endpoint addresses of a service: unique over the mesh."""
        for i in range(self.endpoints):
            index = number * self.endpoints + i
            yield f"10.{index // 65536}.{index // 256 % 256}.{index % 256}"

    def _replace(self, name: str, text: str) -> None:
        """Atomically, as a ConfigMap mount would: the watcher never sees half a file."""
        part = self.root / f".{name}.part"
        part.write_text(text)
        part.replace(self.root / name)


def node_metadata(index: int, classes: int = 20) -> tuple[str, dict[str, object]]:
    """Node id and metadata of simulated sidecar `index`: spread over the namespaces and as many apps as classes.

    `classes` is a multiple of the number of namespaces, so that each app is in one of them.
    """
    namespace, app = f"ns-{index % NAMESPACES}", f"s{index % classes}"
    address = f"10.200.{index // 250}.{index % 250 + 1}"
    pod = f"{app}-load-{index}"
    labels = {"app": app, "version": "v1", "security.istio.io/tlsMode": "istio"}
    return f"sidecar~{address}~{pod}.{namespace}~{namespace}.svc.cluster.local", {
        "NAMESPACE": namespace,
        "SERVICE_ACCOUNT": app,
        "CLUSTER_ID": "Kubernetes",
        "ISTIO_VERSION": "1.29.1",
        "INTERCEPTION_MODE": "REDIRECT",
        "LABELS": labels,
    }
