"""Small meshes in YAML, and what one proxy gets of them as JSON: for tests of listeners and routes."""

from collections.abc import Mapping
from typing import Any

from pilot.generators import listeners, routes
from pilot.generators.envoy.hcm import ProxyContext, proxy_context
from pilot.generators.envoy.tracing import WorkloadTags
from pilot.generators.routes.caller import Caller, caller_of
from pilot.model.features import Features
from pilot.model.mesh import MeshConfig
from pilot.model.proxy_config import ProxyConfig
from pilot.sources.mesh_file import decode_mesh_config
from pilot.view.proxy import Flavour, IpMode, ProxyKind, Traits
from pilot.view.proxy_view import ProxyView
from tests import recordings

REVIEWS = """
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec: {clusterIP: 10.0.0.1, selector: {app: reviews}, ports: [{name: http, port: 80, targetPort: 8080}]}
"""
DATABASE = """
apiVersion: v1
kind: Service
metadata: {name: db, namespace: data}
spec: {clusterIP: 10.0.0.2, selector: {app: db}, ports: [{name: tcp, port: 5432}]}
"""
TAGS = WorkloadTags("v1", "client", "Kubernetes", "unknown", "default")


def sidecar(namespace: str = "default", ip: str = "10.9.0.1", **metadata: Any) -> dict[str, Any]:
    """A sidecar `client` as scenarios describe proxies."""
    return _proxy("sidecar", "client", namespace, ip, metadata)


def gateway(namespace: str = "istio-system", **metadata: Any) -> dict[str, Any]:
    """A gateway with the label `istio: ingressgateway`."""
    return _proxy("router", "gateway", namespace, "10.9.0.2", {"LABELS": {"istio": "ingressgateway"}, **metadata})


def _proxy(kind: str, name: str, namespace: str, ip: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": f"{kind}~{ip}~{name}-0.{namespace}~{namespace}.svc.cluster.local",
        "cluster": f"{name}.{namespace}",
        "metadata": {"NAMESPACE": namespace, "CLUSTER_ID": "Kubernetes", "LABELS": {"app": name}, **metadata},
    }


def view(objects: str, proxy: Mapping[str, Any] | None = None, mesh: str = "", **environment: str) -> ProxyView:
    """What generators are given; `environment` are variables of the control plane."""
    return recordings.view_of(recordings.snapshot_of(objects, mesh, environment), proxy or sidecar())


def listeners_of(seen: ProxyView) -> dict[str, Any]:
    """All listeners by name."""
    return recordings.as_json(listeners.build(seen))


def routes_of(seen: ProxyView, *names: str) -> dict[str, Any]:
    """Route configurations by name."""
    return recordings.as_json(routes.build(seen, frozenset(names)))


def hosts_of(seen: ProxyView, name: str = "80") -> dict[str, Any]:
    """The virtual hosts of one route configuration by name."""
    return {each["name"]: each for each in routes_of(seen, name)[name].get("virtualHosts", ())}


def first_routes(seen: ProxyView, host: str, name: str = "80") -> list[Any]:
    """The routes of one virtual host."""
    found: list[Any] = hosts_of(seen, name)[host]["routes"]
    return found


def filters_of(chain: Mapping[str, Any]) -> list[str]:
    """The names of network filters of a chain."""
    return [each["name"] for each in chain["filters"]]


def config_of(chain: Mapping[str, Any], name: str) -> Any:
    """The configuration of one network filter of a chain."""
    return next(each["typedConfig"] for each in chain["filters"] if each["name"] == name)


HCM = "envoy.filters.network.http_connection_manager"
TCP_PROXY = "envoy.filters.network.tcp_proxy"


def mesh_config(text: str = "") -> MeshConfig:
    """MeshConfig from YAML."""
    decoded, problems = decode_mesh_config(text)
    assert decoded is not None, problems
    return decoded


def traits(**more: Any) -> Traits:
    """A sidecar in namespace default."""
    return Traits(
        **{
            "kind": ProxyKind.SIDECAR,
            "namespace": "default",
            "domain": "default.svc.cluster.local",
            "cluster_id": "Kubernetes",
            "network": "",
            "ip_mode": IpMode.V4,
            "flavour": Flavour(),
            **more,
        }
    )


def context(
    mesh: str = "", features: Features | None = None, config: ProxyConfig | None = None, **more: Any
) -> ProxyContext:
    """The context of a sidecar; `more` are traits."""
    return proxy_context(mesh_config(mesh), config or ProxyConfig(), features or Features(), traits(**more), TAGS)


def caller(seen: ProxyView) -> Caller:
    """Who asks for routes."""
    return caller_of(seen)
