"""What a proxy has, as messages that can be read.

In: a snapshot and a proxy. Out: its listeners, routes, clusters, endpoints and workload, in pieces: a large mesh takes
its time. As pure as `pipeline.py`.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import base_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_pb2
from google.protobuf.any_pb2 import Any as Packed

from pilot import pipeline
from pilot.memo import Work
from pilot.model.kubernetes import Pod
from pilot.model.snapshot import Snapshot
from pilot.model.workloads import WorkloadInstance
from pilot.resources import Resource
from pilot.type_urls import CLUSTER, ENDPOINT, LISTENER, ROUTE, TypeUrl
from pilot.view import build
from pilot.view import node as nodes
from pilot.view.proxy import Proxy, ProxyKind

_MESSAGES: dict[TypeUrl, Any] = {
    CLUSTER: cluster_pb2.Cluster,
    ENDPOINT: endpoint_pb2.ClusterLoadAssignment,
    LISTENER: listener_pb2.Listener,
    ROUTE: route_pb2.RouteConfiguration,
}


@dataclass(frozen=True, slots=True)
class Held:
    """One resource, as bytes with origins and as a message."""

    resource: Resource
    message: Any


@dataclass(frozen=True, slots=True)
class Having:
    """Everything of one proxy."""

    snapshot: Snapshot
    proxy: Proxy

    def one(self, type_url: TypeUrl, name: str) -> Work[Held | None]:
        """One resource by its name."""
        names = frozenset({name}) if type_url in (ENDPOINT, ROUTE) else None
        found = yield from pipeline.steps(self.snapshot, self.proxy, type_url, names)
        if found is None or name not in found:
            return None
        return Held(found[name], parsed(type_url, found[name].body))

    def listeners(self) -> Work[list[Held]]:
        """All of them."""
        found = yield from pipeline.steps(self.snapshot, self.proxy, LISTENER)
        made = []
        for each in found.resources.values() if found is not None else ():
            yield
            made.append(Held(each, parsed(LISTENER, each.body)))
        return made


@lru_cache(maxsize=512)
def parsed(type_url: TypeUrl, body: bytes) -> Any:
    """The message in a packed resource; not to be changed."""
    message = _MESSAGES[type_url]()
    Packed.FromString(body).Unpack(message)
    return message


def http_manager(filter_: Any) -> Any | None:
    """The HTTP connection manager that a network filter is, None for other filters."""
    if not filter_.typed_config.Is(hcm_pb2.HttpConnectionManager.DESCRIPTOR):
        return None
    manager = hcm_pb2.HttpConnectionManager()
    filter_.typed_config.Unpack(manager)
    return manager


def proxy_of(snapshot: Snapshot, instance: WorkloadInstance, kind: ProxyKind | None = None) -> Proxy:
    """The proxy that would stand beside a workload; `kind` None: a router where some Gateway selects it."""
    if kind is None:
        router = proxy_of(snapshot, instance, ProxyKind.ROUTER)
        return router if build.build(snapshot, router).gateways else proxy_of(snapshot, instance, ProxyKind.SIDECAR)
    place = f"{instance.namespace}.svc.{snapshot.features.cluster_domain}"
    name = f"{instance.name}.{instance.namespace}"
    node = base_pb2.Node(id=f"{kind.value}~{instance.address or '127.0.0.1'}~{name}~{place}", cluster=instance.workload)
    facts: dict[str, Any] = {"NAMESPACE": instance.namespace, "SERVICE_ACCOUNT": instance.account}
    facts["CLUSTER_ID"], facts["LABELS"] = snapshot.features.cluster_id, dict(instance.labels)
    node.metadata.update(facts)
    return nodes.parse_node(node, snapshot.features)


def proxies_of(snapshot: Snapshot) -> list[tuple[object, Proxy]]:
    """The proxies of all pods that have one, with what tells their class."""
    found: list[tuple[object, Proxy]] = []
    for pod in snapshot.objects.of(Pod):
        instance = snapshot.workloads.pod(pod.namespace, pod.name)
        if instance is None or not instance.address:
            continue
        proxy = proxy_of(snapshot, instance)
        if instance.tls_mode == "istio" or proxy.traits.kind is not ProxyKind.SIDECAR:
            labels = tuple(sorted(instance.labels.items()))
            found.append(((proxy.traits, labels, proxy.service_account), proxy))
    return found
