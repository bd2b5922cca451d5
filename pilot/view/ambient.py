"""The mesh as a ztunnel sees it: all of it, whichever node it runs on.

In: a snapshot. Out: an `AmbientIndex`, made from the last one that was asked for. Nothing is made while nobody asks.
Source: xDS behaviour 8.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from pilot.memo import Work, finish, latest, memoized, sliced
from pilot.model.ambient import index
from pilot.model.ambient.index import AmbientIndex
from pilot.model.ambient.mesh import AmbientMesh
from pilot.model.interning import Interner
from pilot.model.kubernetes import Namespace
from pilot.model.mesh_settings import MeshSettings
from pilot.model.objects import Object
from pilot.model.snapshot import Snapshot
from pilot.model.waypoint import Traffic, Waypoints
from pilot.view.proxy import Proxy, ProxyKind


@dataclass(frozen=True, slots=True, eq=False)
class AmbientView:
    """Workload discovery for one node."""

    index: AmbientIndex
    node: str = ""
    """Its workloads are told to who asks for others by name."""


class _Kept:
    """The last index of each cluster: the next one is made from it, and equals one made from nothing."""

    last: ClassVar[dict[str, AmbientIndex]] = {}


def ambient_view(snapshot: Snapshot, proxy: Proxy) -> AmbientView:
    """What a ztunnel may be told; the same object for the same."""
    return finish(steps(snapshot, proxy))


def steps(snapshot: Snapshot, proxy: Proxy) -> Work[AmbientView]:
    """The same, in pieces."""
    found = yield from _index_steps(snapshot)
    return _view(proxy, found)


def index_of(snapshot: Snapshot) -> AmbientIndex:
    """All workloads and services; the same object for the same."""
    return finish(_index_steps(snapshot))


def is_prepared(snapshot: Snapshot, proxy: Proxy) -> bool:
    """Whether all is known that the view of a proxy needs of workloads: only waypoints for workloads need anything."""
    waypoints = snapshot.conversions.waypoints.by_name.values()
    if proxy.traits.kind is not ProxyKind.WAYPOINT or not snapshot.features.ambient:
        return True
    if not any(each.traffic in (Traffic.WORKLOAD, Traffic.ALL) for each in waypoints):
        return True
    remotes: tuple[AmbientIndex, ...] = ()
    for there in _others(snapshot):
        mesh = _mesh_of(there, snapshot)
        if not _index.knows(there.settings, mesh):
            return False
        remotes = (*remotes, _index(there.settings, mesh))
    own = snapshot.alone or snapshot
    return _index.knows(own.settings, _mesh_of(own, snapshot, remotes))


def prepare(snapshot: Snapshot) -> Work[None]:
    """Makes it known, in pieces."""
    yield from _index_steps(snapshot)


def _others(snapshot: Snapshot) -> list[Snapshot]:
    """The other clusters that are told of."""
    if not snapshot.features.ambient_multi_network:
        return []
    return [snapshot.remotes[cluster] for cluster in sorted(snapshot.remotes)]


def _index_steps(snapshot: Snapshot) -> Work[AmbientIndex]:
    """That of the cluster that configuration is read from, with the others where the mesh is one over networks."""
    remotes: tuple[AmbientIndex, ...] = ()
    for there in _others(snapshot):
        remotes = (*remotes, (yield from _index.steps(there.settings, _mesh_of(there, snapshot))))
    own = snapshot.alone or snapshot
    return (yield from _index.steps(own.settings, _mesh_of(own, snapshot, remotes)))


def _mesh_of(there: Snapshot, snapshot: Snapshot, remotes: tuple[AmbientIndex, ...] = ()) -> AmbientMesh:
    """What is in one cluster, under the policies and behind the waypoints of our own one."""
    own = snapshot.alone or snapshot
    waypoints = _waypoints(snapshot)
    if there is not own:
        waypoints = _seen_from(waypoints, there.seen.kinds.get(Namespace.KIND, {}).get("", _NO_NAMESPACES))
    return _mesh(
        there.settings,
        there.seen,
        there.workloads,
        there.service_index,
        there.endpoint_index,
        waypoints,
        own.policies,
        own.peer_authentications,
        _REMOTES.same(remotes, remotes),
    )


def _waypoints(snapshot: Snapshot) -> Waypoints:
    """Our own cluster's, with the ways into networks that all clusters tell of where the mesh is one over networks."""
    own = (snapshot.alone or snapshot).conversions.waypoints
    ways = snapshot.conversions.waypoints.gateways
    if not snapshot.features.ambient_multi_network or ways == own.gateways:
        return own
    return _WAYPOINTS.same((id(own.by_name), id(own.namespaces), ways), replace(own, gateways=ways))


_WAYPOINTS: Interner[Waypoints] = Interner(16)
_REMOTES: Interner[tuple[AmbientIndex, ...]] = Interner(16)
_mesh = latest(size=64)(AmbientMesh)


@memoized(size=64)
def _seen_from(waypoints: Waypoints, namespaces: Mapping[str, Object]) -> Waypoints:
    """The same waypoints for a cluster that has these namespaces."""
    return replace(waypoints, namespaces={name: each.metadata.labels for name, each in namespaces.items()})


_NO_NAMESPACES: Final[Mapping[str, Object]] = {}


@sliced(latest(size=64))
def _index(settings: MeshSettings, mesh: AmbientMesh) -> Work[AmbientIndex]:
    """`settings`: of the cluster, whose newest index is remembered."""
    cluster = settings.cluster_id
    _Kept.last[cluster] = made = yield from index.steps(_Kept.last.get(cluster, AmbientIndex()), mesh)
    return made


@latest(size=8192)
def _view(proxy: Proxy, found: AmbientIndex) -> AmbientView:
    return AmbientView(found, proxy.node_name)
