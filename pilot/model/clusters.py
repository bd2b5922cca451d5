"""Several clusters as one mesh: services of the same name are one service, their endpoints stand beside each other.

In: the snapshot of the cluster that configuration is read from, and one of each remote cluster, which has only what
registries have. Out: a snapshot of the mesh that all proxies are served from; with no remote clusters it is the first
one itself. Each cluster keeps its own snapshot: what changes in one is derived there, and merged here.
Source: Kubernetes controllers behaviour 7.2, 7.3; xDS behaviour 2.1.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pilot.memo import memoized
from pilot.model import network_gateways, service_index
from pilot.model.draft import Draft
from pilot.model.endpoint_index import EndpointIndex, Parts, ServiceEndpoints, combine
from pilot.model.interning import same_tuple
from pilot.model.locality import NETWORK
from pilot.model.mesh_settings import MeshSettings
from pilot.model.service import Service
from pilot.model.service_index import DeclaredKey, ServiceIndex, ServiceKey

if TYPE_CHECKING:
    from pilot.model.snapshot import Snapshot


def merge(alone: "Snapshot", remotes: Mapping[str, "Snapshot"]) -> "Snapshot":
    """`alone`: the first cluster's; `remotes`: the others', by cluster id."""
    if not remotes:
        return alone
    ordered = tuple(remotes[each] for each in sorted(remotes))
    declared = tuple((each.settings.cluster_id, each.service_index) for each in ordered)
    services = _services(alone.service_index, declared, alone.settings)
    endpoints = _endpoints(alone.endpoint_index, tuple(each.endpoint_index for each in ordered), alone.settings)
    ways = _ways(alone.conversions.network_gateways, tuple(each.service_index for each in ordered))
    conversions = replace(alone.conversions, network_gateways=ways)
    return replace(
        alone,
        service_index=services,
        endpoint_index=endpoints,
        conversions=conversions,
        alone=alone,
        remotes=dict(remotes),
    )


# --- services -------------------------------------------------------------------------------------------------------


@memoized(size=4)
def _services(own: ServiceIndex, others: tuple[tuple[str, ServiceIndex], ...], settings: MeshSettings) -> ServiceIndex:
    """What is declared anywhere; the first copy counts, with addresses of all."""
    copies: dict[DeclaredKey, list[tuple[str, Service]]] = {}
    for cluster, index in others:
        for key, declared in index.declared.items():
            copies.setdefault(key, []).extend((cluster, each) for each in declared if each.is_kubernetes)
    merged = Draft(own.declared)
    for key, found in copies.items():
        first = ((settings.cluster_id, each) for each in own.declared.get(key, ()))
        merged.set(key, (_together((*first, *found)),))
    return service_index.arrange_declared(own, merged.finish(), settings)


@memoized(size=65536)
def _together(found: tuple[tuple[str, Service], ...]) -> Service:
    """Ports and everything else of the first copy; virtual addresses by cluster, accounts of all."""
    copies = [each for _, each in found]
    first = copies[0]
    if len(copies) == 1:
        return first
    near = [each for each in copies if each.labels.get(NETWORK) == first.labels.get(NETWORK)]
    return replace(
        first,
        # One without an address in its cluster is headless there, whatever it is elsewhere.
        cluster_vips={cluster: each.cluster_vips.get(cluster) or (each.address,) for cluster, each in found},
        # A way into another network is told of beside services: the label is that of the first copy.
        external_addresses={cluster: found for each in near for cluster, found in each.external_addresses.items()},
        external_ports={cluster: found for each in near for cluster, found in each.external_ports.items()},
        service_accounts=tuple(sorted({account for each in copies for account in each.service_accounts})),
    )


@memoized(size=4)
def _ways(
    own: tuple[network_gateways.NetworkGateway, ...], others: tuple[ServiceIndex, ...]
) -> tuple[network_gateways.NetworkGateway, ...]:
    """Ways into networks that services of other clusters are."""
    found = {way for index in others for way in network_gateways.labelled(index.listing)}
    return same_tuple((*own, *sorted(found - set(own))))


# --- endpoints ------------------------------------------------------------------------------------------------------


@memoized(size=4)
def _endpoints(own: EndpointIndex, others: tuple[EndpointIndex, ...], settings: MeshSettings) -> EndpointIndex:
    """Those of every cluster, behind each service."""
    merged = Draft(own.endpoints)
    for key in {key for index in others for key in index.endpoints}:
        merged.set(key, _behind(*_parts(key, own, others)))
    return EndpointIndex(merged.finish(), own.parts, own.slices, own.dependents)


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
