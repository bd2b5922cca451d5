"""The mesh as a ztunnel sees it: all of it, whichever node it runs on.

In: a snapshot. Out: an `AmbientIndex`, made from the last one that was asked for. Nothing is made while nobody asks.
Source: xDS behaviour 8.
"""

from dataclasses import dataclass

from pilot.memo import Work, finish, latest, memoized, sliced
from pilot.model.ambient import index
from pilot.model.ambient.index import AmbientIndex
from pilot.model.ambient.mesh import AmbientMesh
from pilot.model.snapshot import Snapshot
from pilot.view.proxy import Proxy


@dataclass(frozen=True, slots=True, eq=False)
class AmbientView:
    """Workload discovery for one node."""

    index: AmbientIndex
    node: str = ""
    """Its workloads are told to who asks for others by name."""


class _Kept:
    """The last index: the next one is made from it, and equals one made from nothing."""

    last = AmbientIndex()


def ambient_view(snapshot: Snapshot, proxy: Proxy) -> AmbientView:
    """What a ztunnel may be told; the same object for the same."""
    return finish(steps(snapshot, proxy))


def steps(snapshot: Snapshot, proxy: Proxy) -> Work[AmbientView]:
    """The same, in pieces."""
    found = yield from _index.steps(_mesh_of(snapshot))
    return _view(proxy, found)


def index_of(snapshot: Snapshot) -> AmbientIndex:
    """All workloads and services; the same object for the same."""
    return _index(_mesh_of(snapshot))


def _mesh_of(snapshot: Snapshot) -> AmbientMesh:
    return _mesh(
        snapshot.settings,
        snapshot.seen,
        snapshot.workloads,
        snapshot.service_index,
        snapshot.endpoint_index,
        snapshot.conversions.waypoints,
        snapshot.policies,
        snapshot.peer_authentications,
    )


_mesh = memoized(size=4)(AmbientMesh)


@sliced(memoized(size=2))
def _index(mesh: AmbientMesh) -> Work[AmbientIndex]:
    _Kept.last = made = yield from index.steps(_Kept.last, mesh)
    return made


@latest(size=8192)
def _view(proxy: Proxy, found: AmbientIndex) -> AmbientView:
    return AmbientView(found, proxy.node_name)
