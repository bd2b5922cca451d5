"""Workloads of other clusters as workload discovery tells them.

In: an `AmbientMesh` with the indexes of other clusters, all services. Out: `MeshWorkload`s: those of the own network
one by one; those of another one together, for each service that is one over all clusters and each way into their
network, so that what happens there is news here only where it changes how many they are.
Source: xDS behaviour 8.3 (multi-network), 8.4 (scope).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pilot.memo import Work, memoized
from pilot.model.ambient.address import MeshService, MeshWorkload, Ports, Tunnel
from pilot.model.ambient.mesh import AmbientMesh
from pilot.model.waypoint import NETWORK_GATEWAY, HboneGateway

_PIECE = 256
"""Workloads that are looked at in one piece of the work. Arbitrary: a millisecond or so."""


@dataclass(slots=True)
class _Behind:
    """What is behind the ways into a network, of one service."""

    service: MeshService
    ports: Ports
    trust_domain: str
    healthy: int = 0


def workloads(mesh: AmbientMesh, told: Mapping[str, MeshService]) -> Work[tuple[MeshWorkload, ...]]:
    """All of them; `told`: services as they are told here."""
    near: list[MeshWorkload] = []
    behind: dict[tuple[str, str], _Behind] = {}
    number = 0
    for index in mesh.remotes:
        for each in index.workloads.values():
            number += 1
            if number % _PIECE == 0:
                yield
            if each.uid.startswith(NETWORK_GATEWAY):
                continue
            shared = tuple(name for name in each.services if _is_global(name, index.services, told))
            if each.network == mesh.network:
                near.append(_serving(each, "\n".join(shared)))
                continue
            for name in shared:
                known = behind.get((each.network, name))
                if known is None:
                    known = _Behind(told[name], each.services[name], each.trust_domain)
                    behind[each.network, name] = known
                known.healthy += each.healthy
    far = (
        _together(way, each.service, each.ports, each.trust_domain, each.healthy)
        for (network, _), each in sorted(behind.items(), key=lambda item: item[0])
        for way in mesh.waypoints.ways(network)
        if each.healthy
    )
    return (*near, *far)


def _is_global(name: str, there: Mapping[str, MeshService], here: Mapping[str, MeshService]) -> bool:
    """Whether a service is one over all clusters, as both sides say."""
    return all(name in side and side[name].is_global for side in (there, here))


@memoized(size=65_536)
def _serving(workload: MeshWorkload, names: str) -> MeshWorkload:
    """The workload behind these services only."""
    kept = set(names.split("\n"))
    if kept >= workload.services.keys():
        return workload
    return replace(workload, services={name: ports for name, ports in workload.services.items() if name in kept})


@memoized(size=65_536)
def _together(way: HboneGateway, service: MeshService, ports: Ports, trust_domain: str, healthy: int) -> MeshWorkload:
    uid = f"{way.uid}/{service.key}"
    return MeshWorkload(
        uid=uid,
        name=uid,
        namespace=service.namespace,
        network=way.network,
        trust_domain=trust_domain,
        tunnel=Tunnel.HBONE,
        network_gateway=way.address,
        services={service.key: ports},
        capacity=healthy,
    )
