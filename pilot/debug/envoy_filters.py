"""`envoyfilterz`: what each patch of each EnvoyFilter does for the proxies that are connected.

In: the mesh, the streams of proxies, what is quarantined. Out: a debug page; `name`, `namespace` in the query choose.
"""

from collections.abc import Callable, Iterable

from pilot.debug.console import Entry, Later, Question
from pilot.memo import Work
from pilot.mesh import Mesh, class_of
from pilot.status import patches, refusals
from pilot.xds import quarantine
from pilot.xds.discovery import Connection


def entry(
    mesh: Mesh, connections: Callable[[], Iterable[Connection]], refused: Callable[[], Iterable[quarantine.Entry]]
) -> Entry:
    """The page."""

    def page(question: Question) -> Work[object]:
        name, namespace = question.get("name"), question.get("namespace")
        snapshot, groups = mesh.snapshot, patches.groups(connections(), class_of, refusals.describe)
        done = yield from patches.reports(snapshot, groups)
        entries = tuple(refused())

        def shown() -> list[patches.FilterRow]:
            rows = patches.rows(snapshot, groups, done, entries)
            return [each for each in rows if name in ("", each.name) and namespace in ("", each.namespace)]

        return Later(shown)

    return Entry("envoyfilterz", "What patches of EnvoyFilters match and change, by class of proxies.", page)
