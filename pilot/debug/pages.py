"""All debug pages of a control plane, put together.

In: the mesh, the streams, what is wrong with the configuration, the clusters, the injector. Out: a `Console`, and what
answers the same over xDS. Source: operations 3.2.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from pilot.debug import ambient, caches, collections_page, services
from pilot.debug.access import Access
from pilot.debug.console import Console, Entry, Question, text
from pilot.debug.dumps import Dumps
from pilot.debug.objects import ObjectPages
from pilot.debug.proxies import ProxyPages, Streams
from pilot.debug.queries import DebugQueries
from pilot.debug.status_page import Problems, problems_entry, status_entry
from pilot.mesh import Mesh


@dataclass(frozen=True, slots=True)
class ClusterState:
    """A cluster that is read."""

    id: str
    secret: str
    """`namespace/name` of the Secret that names it; empty for our own."""
    state: str
    """`synced`, `syncing`, `timeout` or `closed`."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What pages show besides the mesh."""

    problems: Problems = tuple
    clusters: Callable[[], Iterable[ClusterState]] | None = None
    """None: there is no cluster."""
    templates: Callable[[], Mapping[str, str]] = dict
    """Of the injector, by name."""


@dataclass(frozen=True, slots=True)
class Pages:
    """The console and the other way to it."""

    console: Console
    queries: DebugQueries
    proxies: ProxyPages
    dumps: Dumps


def assemble(mesh: Mesh, streams: Streams, access: Access, around: Surroundings) -> Pages:
    """All pages."""
    console, proxies = Console(), ProxyPages(mesh, streams)
    dumps = Dumps(mesh, proxies)
    console.add(
        *proxies.entries(unsafe=access.settings.unsafe),
        *dumps.entries(),
        *services.entries(mesh),
        *ObjectPages(mesh, proxies, around.problems).entries(),
        *caches.entries(proxies, dumps),
        ambient.entry(mesh),
        collections_page.entry(mesh),
        _clusters(around.clusters),
        Entry("inject", "Templates of the injector.", lambda _: dict(around.templates())),
        problems_entry(around.problems),
        status_entry(mesh, streams.connections, around.problems),
    )
    return Pages(console, DebugQueries(console, access, proxies, dumps), proxies, dumps)


def _clusters(states: Callable[[], Iterable[ClusterState]] | None) -> Entry:
    def page(_: Question) -> object:
        if states is None:
            return text("multicluster is not enabled: there is no Kubernetes\n", 400)
        return [{"id": each.id, "secretName": each.secret, "syncStatus": each.state} for each in states()]

    return Entry("clusterz", "The clusters that are read.", page)
