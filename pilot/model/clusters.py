"""Several clusters as one mesh: services of the same name are one service, their endpoints stand beside each other.

In: the snapshot of the cluster that configuration is read from, and one of each remote cluster, which has only what
registries have. Out: a snapshot of the mesh that all proxies are served from; with no remote clusters it is the first
one itself. Each cluster keeps its own snapshot: what changes in one is derived there, and merged here.
Source: Kubernetes controllers behaviour 7.2, 7.3; xDS behaviour 2.1.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from pilot.memo import memoized
from pilot.model import mcs, network_gateways, service_index
from pilot.model.conversions import Conversions
from pilot.model.draft import Draft
from pilot.model.endpoint_index import EndpointIndex, Parts, ServiceEndpoints, combine
from pilot.model.interning import Interner, same_tuple
from pilot.model.locality import NETWORK
from pilot.model.mesh_settings import MeshSettings
from pilot.model.service import Hostname, Service
from pilot.model.service_index import ServiceIndex, ServiceKey
from pilot.model.waypoint import Waypoints

if TYPE_CHECKING:
    from pilot.model.snapshot import Snapshot

K = TypeVar("K", bound=Hashable)
_SETS: Interner[frozenset[str]] = Interner(4096)  # arbitrary: sets of clusters that export something


def merge(alone: "Snapshot", remotes: Mapping[str, "Snapshot"], before: "Snapshot | None" = None) -> "Snapshot":
    """`alone`: the first cluster's; `remotes`: the others', by cluster id.

    `before`: the mesh as it was, so that only what differs is merged again.
    """
    if not remotes:
        return alone
    names = sorted(remotes.keys() | (before.remotes.keys() if before is not None else ()))
    empty = type(alone)(settings=alone.settings)
    ordered = tuple(remotes.get(each, empty) for each in names)
    last = _last(before, tuple(before.remotes.get(each, empty) for each in names)) if before is not None else None
    services, endpoints = _services(alone, ordered, last), _endpoints(alone, ordered, last)
    if alone.features.mcs_host:
        endpoints = _behind_all(services, endpoints, alone.settings)
    return replace(
        alone,
        service_index=services,
        endpoint_index=endpoints,
        conversions=_conversions(alone, ordered, last),
        alone=alone,
        remotes=remotes,
    )


def _last(mesh: "Snapshot", others: "tuple[Snapshot, ...]") -> "Merged":
    """The mesh as it was, with an empty cluster for each that was not there."""
    return Merged(mesh, mesh.alone or mesh, others)


@dataclass(frozen=True, slots=True)
class Merged:
    """A mesh, and what it was made of."""

    mesh: "Snapshot"
    alone: "Snapshot"
    others: "tuple[Snapshot, ...]"


def _changed(before: Iterable[Mapping[K, object]], now: Iterable[Mapping[K, object]]) -> set[K]:
    """Keys whose values are other objects in some pair of mappings."""
    found: set[K] = set()
    for old, new in zip(before, now, strict=True):
        if old is not new:
            found.update(key for key, value in new.items() if old.get(key) is not value)
            found.update(old.keys() - new.keys())
    return found


# --- services -------------------------------------------------------------------------------------------------------


def _services(alone: "Snapshot", others: "tuple[Snapshot, ...]", last: Merged | None) -> ServiceIndex:
    """What is declared anywhere; the first copy counts, with addresses of all."""
    own, indexes = alone.service_index, tuple(each.service_index for each in others)
    if last is None or last.alone.settings is not alone.settings:
        merged, keys = Draft(own.declared), {key for each in indexes for key in each.declared}
    else:
        former = last.alone.service_index, *(each.service_index for each in last.others)
        if all(a is b for a, b in zip(former, (own, *indexes), strict=True)):
            return last.mesh.service_index
        now = (own.declared, *(each.declared for each in indexes))
        merged, keys = Draft(last.mesh.service_index.declared), _changed((each.declared for each in former), now)
    for key in keys:
        copies = [
            (each.settings.cluster_id, service)
            for each in others
            for service in each.service_index.declared.get(key, ())
            if service.is_kubernetes
        ]
        first = [(alone.settings.cluster_id, each) for each in own.declared.get(key, ())]
        merged.set(key, _by_host((*first, *copies)) if copies else own.declared.get(key))
    return service_index.arrange_declared(own, merged.finish(), alone.settings)


def _by_host(found: tuple[tuple[str, Service], ...]) -> tuple[Service, ...]:
    """One for each name that the service has."""
    hosts, exported = dict.fromkeys(each.hostname for _, each in found), _exported(found)
    return tuple(_together(tuple(each for each in found if each[1].hostname == host), exported) for host in hosts)


def _exported(found: tuple[tuple[str, Service], ...]) -> frozenset[str] | None:
    known = [each.exported_from for _, each in found if each.exported_from is not None]
    if not known:
        return None
    together = frozenset[str]().union(*known)
    return _SETS.same(together, together)


@memoized(size=65536)
def _together(found: tuple[tuple[str, Service], ...], exported: frozenset[str] | None) -> Service:
    """Ports and everything else of the first copy; virtual addresses by cluster, accounts of all."""
    copies = [each for _, each in found]
    first = copies[0]
    if len(copies) == 1:
        return first if first.exported_from == exported else replace(first, exported_from=exported)
    near = [each for each in copies if each.labels.get(NETWORK) == first.labels.get(NETWORK)]
    return replace(
        first,
        # One without an address in its cluster is headless there, whatever it is elsewhere.
        cluster_vips={cluster: each.cluster_vips.get(cluster) or (each.address,) for cluster, each in found},
        # A way into another network is told of beside services: the label is that of the first copy.
        external_addresses={cluster: found for each in near for cluster, found in each.external_addresses.items()},
        external_ports={cluster: found for each in near for cluster, found in each.external_ports.items()},
        service_accounts=tuple(sorted({account for each in copies for account in each.service_accounts})),
        exported_from=exported,
    )


def _conversions(alone: "Snapshot", others: "tuple[Snapshot, ...]", last: Merged | None) -> Conversions:
    """Those of the first cluster, with ways into networks that services and Gateways of other clusters are."""
    own = alone.conversions
    if last is not None and last.alone.conversions is own:
        pairs = zip(last.others, others, strict=True)
        if all(a.service_index is b.service_index and a.conversions is b.conversions for a, b in pairs):
            return last.mesh.conversions
    found = {way for each in others for way in network_gateways.labelled(each.service_index.listing)}
    found.update(way for each in others for way in each.conversions.network_gateways)
    ways = same_tuple((*own.network_gateways, *sorted(found - set(own.network_gateways))))
    return replace(own, network_gateways=ways, waypoints=_with_tunnels(own.waypoints, others))


def _with_tunnels(own: Waypoints, others: "tuple[Snapshot, ...]") -> Waypoints:
    known = {each.uid for each in own.gateways}
    found = {way.uid: way for each in others for way in each.conversions.waypoints.gateways if way.uid not in known}
    if not found:
        return own
    return replace(own, gateways=tuple(sorted((*own.gateways, *found.values()), key=lambda each: each.uid)))


# --- endpoints ------------------------------------------------------------------------------------------------------


def _endpoints(alone: "Snapshot", others: "tuple[Snapshot, ...]", last: Merged | None) -> EndpointIndex:
    """Those of every cluster, behind each service."""
    own, indexes = alone.endpoint_index, tuple(each.endpoint_index for each in others)
    if last is None:
        merged, keys = Draft(own.endpoints), {key for index in indexes for key in index.endpoints}
    else:
        former = last.alone.endpoint_index, *(each.endpoint_index for each in last.others)
        if all(a is b for a, b in zip(former, (own, *indexes), strict=True)):
            return last.mesh.endpoint_index
        now = (own.endpoints, *(each.endpoints for each in indexes))
        merged, keys = Draft(last.mesh.endpoint_index.endpoints), _changed((each.endpoints for each in former), now)
    for key in keys:
        is_remote = any(key in index.endpoints for index in indexes)
        merged.set(key, _behind(*_parts(key, own, indexes)) if is_remote else own.endpoints.get(key))
    return EndpointIndex(merged.finish(), own.parts, own.slices, own.dependents)


def _behind_all(services: ServiceIndex, index: EndpointIndex, settings: MeshSettings) -> EndpointIndex:
    """Under its name in all clusters a service has the same endpoints, of clusters without a ServiceImport too."""
    merged = Draft(index.endpoints)
    for each in services.listing:
        if mcs.is_of_all(each):
            found = index.endpoints.get((Hostname(settings.host_of(each.name, each.namespace)), each.namespace))
            merged.set((each.hostname, each.namespace), found)
    endpoints = merged.finish()
    return index if endpoints is index.endpoints else replace(index, endpoints=endpoints)


def _parts(key: ServiceKey, own: EndpointIndex, others: tuple[EndpointIndex, ...]) -> Iterator[Parts]:
    for index in (own, *others):
        found = index.parts.get(key)
        if found is not None:
            yield found


@memoized(size=65536)
def _behind(*registries: Parts) -> ServiceEndpoints:
    """One service: in order of provider and cluster; what is listed twice counts once in each of these."""
    shards: dict[tuple[str, ...], dict[tuple[str, ...], object]] = {}
    for parts in registries:
        for key, part in parts.items():
            shards.setdefault(key[:2], {})[key] = part
    found = [combine(shards[each]) for each in sorted(shards)]  # type: ignore[arg-type]
    return ServiceEndpoints(
        endpoints=tuple(endpoint for each in found for endpoint in each.endpoints),
        accounts=tuple(sorted({account for each in found for account in each.accounts})),
        plaintext=any(each.plaintext for each in found if each.endpoints),
    )
