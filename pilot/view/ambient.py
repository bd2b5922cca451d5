"""The mesh as a ztunnel sees it: all of it, whichever node it runs on.

In: a snapshot. Out: an `AmbientIndex`, made from the last one that was asked for. Nothing is made while nobody asks.
Source: xDS behaviour 8.
"""

from dataclasses import dataclass

from pilot.memo import latest, memoized
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
    return _view(proxy, index_of(snapshot))


def index_of(snapshot: Snapshot) -> AmbientIndex:
    """All workloads and services; the same object for the same."""
    mesh = _mesh(
        snapshot.settings,
        snapshot.seen,
        snapshot.workloads,
        snapshot.service_index,
        snapshot.endpoint_index,
        snapshot.conversions.waypoints,
        snapshot.policies,
        snapshot.peer_authentications,
    )
    return _index(mesh)


_mesh = memoized(size=4)(AmbientMesh)


@memoized(size=2)
def _index(mesh: AmbientMesh) -> AmbientIndex:
    _Kept.last = index.update(_Kept.last, mesh)
    return _Kept.last


@latest(size=8192)
def _view(proxy: Proxy, found: AmbientIndex) -> AmbientView:
    return AmbientView(found, proxy.node_name)
