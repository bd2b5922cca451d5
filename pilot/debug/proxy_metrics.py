"""Figures of connected proxies under istiod's names: those that belong to no service, what patches do for them.

In: the streams that are open, the mesh. Out: metric families, made when somebody asks; a proxy is looked at once. What
patches do is told only where somebody wants it (PILOT_ENVOY_FILTER_STATS): it costs what generating costs.
Source: operations 8.2, 8.3.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final, Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from pilot.debug.proxies import is_proxy
from pilot.memo import finish
from pilot.mesh import Mesh, class_of
from pilot.model.envoy_filter import ApplyTo
from pilot.model.snapshot import Snapshot
from pilot.status import patches
from pilot.view.proxy import Proxy, ProxyKind
from pilot.view.workload_lookup import identify, workload_of
from pilot.xds.discovery import Connection

_PATCHES: Final = {
    ApplyTo.CLUSTER: "cluster",
    ApplyTo.LISTENER: "listener",
    ApplyTo.LISTENER_FILTER: "listenerfilter",
    ApplyTo.FILTER_CHAIN: "filterchain",
    ApplyTo.NETWORK_FILTER: "networkfilter",
    ApplyTo.HTTP_FILTER: "httpfilter",
    ApplyTo.ROUTE_CONFIGURATION: "route",
    ApplyTo.VIRTUAL_HOST: "vhost",
    ApplyTo.HTTP_ROUTE: "route",
}
"""istiod's words; what is not here it does not count."""


AT_A_TIME: Final = 500
"""New proxies that are looked at for one page: others have their turn with the next one."""


class Client(Protocol):
    """One stream."""

    @property
    def id(self) -> str: ...

    @property
    def proxy(self) -> Any: ...


class ProxyMetrics(Collector):
    """Looks when it is asked. Registers itself."""

    def __init__(
        self,
        registry: CollectorRegistry,
        mesh: Mesh,
        clients: Callable[[], Iterable[Client]],
        connections: Callable[[], Iterable[Connection]],
        *,
        tells_patches: bool = False,
    ) -> None:
        self._mesh, self._clients, self._connections = mesh, clients, connections
        self._tells_patches = tells_patches
        self._seen: set[str] = set()
        self._alone: Counter[str] = Counter()
        registry.register(self)

    def describe(self) -> list[Metric]:
        """Nothing: registering must not look at the mesh."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Everything now."""
        yield self._without_services()
        if self._tells_patches:
            yield _patches(self._mesh.snapshot, filter(is_proxy, self._connections()))

    def _without_services(self) -> Metric:
        clients = list(self._clients())
        self._seen.intersection_update({each.id for each in clients})
        fresh = (each for each in clients if each.id not in self._seen)
        for each in islice(fresh, AT_A_TIME):
            self._seen.add(each.id)
            if isinstance(each.proxy, Proxy) and (reason := _reason(self._mesh.snapshot, each.proxy)):
                self._alone[reason] += 1
        family = Metric("pilot_k8s_proxies_with_no_service_targets", "Proxies that belong to no service.", "counter")
        for reason, count in sorted(self._alone.items()):
            family.add_sample(family.name, {"reason": reason}, count)
        return family


def _reason(snapshot: Snapshot, proxy: Proxy) -> str:
    """Why nothing of the mesh ends at a proxy; empty where something does, or need not."""
    if proxy.traits.kind not in (ProxyKind.SIDECAR, ProxyKind.ROUTER) or proxy.raw_metadata.get("GENERATOR"):
        return ""  # tools and gRPC clients among them
    identified = identify(snapshot, proxy)
    if workload_of(snapshot, proxy, identified).targets:
        return ""
    known = {snapshot.features.cluster_id, *snapshot.remotes}
    if proxy.traits.cluster_id and proxy.traits.cluster_id not in known:
        return "incorrect_cluster"
    return "no_matching_services" if identified.labels or identified.instances else "no_matching_metadata"


def _patches(snapshot: Snapshot, proxies: Iterable[Connection]) -> Metric:
    """1 for each EnvoyFilter and kind of patch where one of them was applied for somebody; `error` where one failed."""
    groups = patches.groups(proxies, class_of, str)
    done = finish(patches.reports(snapshot, groups))
    found: dict[tuple[str, str, str], bool] = {}
    for row in patches.rows(snapshot, groups, done, ()):
        for each in row.patches:
            kind = _PATCHES.get(ApplyTo(each.apply_to))
            if kind is None or not each.classes:
                continue
            name = f"{row.namespace}/{row.name}"
            applied = any(one.applied for one in each.classes)
            found[name, kind, "applied"] = found.get((name, kind, "applied"), False) or applied
            if any(one.faults for one in each.classes):
                found[name, kind, "error"] = True
    family = Metric("pilot_envoy_filter_status", "Whether patches of EnvoyFilters were applied.", "gauge")
    for (name, kind, result), value in sorted(found.items()):
        family.add_sample(family.name, {"name": name, "patch": kind, "result": result}, float(value))
    return family
