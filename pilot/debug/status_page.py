"""`status` and `problems`: what controllers say of objects, which proxies have accepted it, what is wrong.

In: the mesh, the streams of proxies, problems. Out: debug pages; of `status`, `kind`, `name` and `namespace` in the
query choose.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from pilot.debug import console
from pilot.mesh import Mesh
from pilot.model.problem import Problem
from pilot.status import acknowledgement, report
from pilot.status.report import Entry, Question
from pilot.type_urls import TypeUrl
from pilot.view.proxy import Proxy
from pilot.xds.discovery import Connection

Connections = Callable[[], Iterable[Connection]]
"""The streams that are open now."""
Problems = Callable[[], Iterable[Problem]]
"""What is wrong with the configuration now."""


def status_entry(mesh: Mesh, connections: Connections, problems: Problems) -> console.Entry:
    """What controllers say of objects."""

    def page(asked: console.Question) -> object:
        question = Question(**{name: asked.get(name) for name in ("kind", "name", "namespace")})
        return report.select(_entries(mesh, connections(), problems), question)

    return console.Entry("status", "Conditions of gateways, routes and policies, and who has accepted them.", page)


def problems_entry(problems: Problems) -> console.Entry:
    """What is wrong with the configuration: a list of objects with the fields of a problem."""
    return console.Entry(
        "problems", "What is wrong with the configuration.", lambda _: [_shown(each) for each in problems()]
    )


def _entries(mesh: Mesh, connections: Iterable[Connection], problems: Problems) -> tuple[Entry, ...]:
    def current(proxy: Proxy, type_url: TypeUrl, names: frozenset[str] | None) -> str | None:
        found = mesh.resources_for(proxy, type_url, names)
        return found.version if found is not None else None

    progress = acknowledgement.count(mesh.snapshot, connections, current)
    return report.entries(mesh.snapshot, progress, problems(), datetime.now(UTC))


def _shown(problem: Problem) -> dict[str, object]:
    key = problem.key
    return {
        "severity": problem.severity.value,
        "kind": key.kind if key is not None else "",
        "namespace": key.namespace if key is not None else "",
        "name": key.name if key is not None else "",
        "file": problem.file,
        "line": problem.line,
        "field": problem.field,
        "message": problem.message,
    }
