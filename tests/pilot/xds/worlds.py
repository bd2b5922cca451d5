"""A mesh for tests: resources by type and name that a test changes at will, served as the port of the server wants."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import base_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_pb2

from pilot.errors import BadNode
from pilot.resources import EMPTY, Resource, ResourceSet, resource, resource_of_bytes, resource_set
from pilot.type_urls import CLUSTER, ENDPOINT, LISTENER, ROUTE, TypeUrl


def cluster(name: str, content: str = "", endpoints: str = "") -> Resource:
    """An EDS cluster; other `content` is another version. `endpoints`: the name it asks for, if not its own."""
    message = cluster_pb2.Cluster(name=name, alt_stat_name=content, type=cluster_pb2.Cluster.EDS)
    message.eds_cluster_config.eds_config.ads.SetInParent()
    message.eds_cluster_config.service_name = endpoints
    return resource(CLUSTER, name, message)


def static_cluster(name: str, content: str = "") -> Resource:
    """A cluster that asks for no endpoints."""
    return resource(CLUSTER, name, cluster_pb2.Cluster(name=name, alt_stat_name=content))


def endpoints(name: str, content: str = "") -> Resource:
    """A ClusterLoadAssignment; other `content` is another version."""
    message = endpoint_pb2.ClusterLoadAssignment(cluster_name=name)
    if content:
        message.endpoints.add().locality.region = content
    return resource(ENDPOINT, name, message)


def anything(type_url: TypeUrl, name: str, content: str = "") -> Resource:
    """A resource of any type."""
    if type_url == CLUSTER:
        return cluster(name, content)
    if type_url == ENDPOINT:
        return endpoints(name, content)
    if type_url == LISTENER:
        return resource(LISTENER, name, listener_pb2.Listener(name=name, stat_prefix=content))
    if type_url == ROUTE:
        return resource(
            ROUTE,
            name,
            route_pb2.RouteConfiguration(name=name, response_headers_to_remove=[content] if content else []),
        )
    return resource_of_bytes(type_url, name, content.encode())


def name_in(packed: Any) -> str:
    """The name of the resource in a `google.protobuf.Any`; of a type that no test knows, empty."""
    kinds = {
        CLUSTER: cluster_pb2.Cluster,
        ENDPOINT: endpoint_pb2.ClusterLoadAssignment,
        LISTENER: listener_pb2.Listener,
        ROUTE: route_pb2.RouteConfiguration,
    }
    kind = kinds.get(packed.type_url)
    message = kind.FromString(packed.value) if kind else None
    return str(message.cluster_name if packed.type_url == ENDPOINT else message.name) if message else ""


def node(name: str = "web-1.default") -> Any:
    """The node of a sidecar."""
    made = base_pb2.Node(id=f"sidecar~10.0.0.1~{name}~default.svc.cluster.local", cluster="web.default")
    made.metadata.update({"ISTIO_VERSION": "1.29.1", "NAMESPACE": "default"})
    return made


@dataclass
class World:
    """Serves the same to every proxy; equal questions about an unchanged type get the very same set."""

    resources: dict[TypeUrl, dict[str, Resource]] = field(default_factory=dict)
    asked: list[tuple[TypeUrl, frozenset[str] | None]] = field(default_factory=list)
    """Every question, in order."""
    unserved: set[TypeUrl] = field(default_factory=set)
    _sets: dict[object, ResourceSet] = field(default_factory=dict)

    def put(self, type_url: TypeUrl, *resources: Resource) -> None:
        """Adds or replaces."""
        self.resources.setdefault(type_url, {}).update({each.name: each for each in resources})

    def drop(self, type_url: TypeUrl, *names: str) -> None:
        """Removes."""
        for name in names:
            del self.resources[type_url][name]

    def all(self, type_url: TypeUrl, names: frozenset[str] | None = None) -> ResourceSet:
        """What there is."""
        known = self.resources.get(type_url, {})
        chosen = [each for name, each in known.items() if names is None or name in names]
        if not chosen:
            return EMPTY
        made = resource_set(chosen)
        return self._sets.setdefault((type_url, made.version), made)

    # --- the port of the server ---

    def connect(self, node: Any, identities: tuple[str, ...] | None) -> str:
        """The proxy is its node id. Raises: BadNode."""
        if node.id.count("~") != 3:
            raise BadNode(f"node id {node.id!r}: expected four parts")
        return str(node.id)

    def resources_for(self, proxy: object, type_url: TypeUrl, names: frozenset[str] | None) -> ResourceSet | None:
        """Notes the question and answers it."""
        self.asked.append((type_url, names))
        return None if type_url in self.unserved else self.all(type_url, names)

    def steps(self, proxy: object, type_url: TypeUrl, names: frozenset[str] | None) -> Iterator[None]:
        """There is nothing to compute."""
        return iter(())
