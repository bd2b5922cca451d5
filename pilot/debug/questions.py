"""The pages behind `meshpilot explain`, `why` and `live`.

In: the mesh, the streams of proxies, what was pushed. Out: debug pages.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pilot.debug.console import Entry, Question, text
from pilot.explain.change import answer
from pilot.explain.request import parse_request
from pilot.explain.walk import explain
from pilot.memo import Work
from pilot.mesh import Mesh, class_of
from pilot.resources import ResourceSet
from pilot.status import progress
from pilot.type_urls import TypeUrl
from pilot.view.proxy import Proxy
from pilot.xds.discovery import Connection
from pilot.xds.history import History

Connections = Callable[[], Iterable[Connection]]


def explain_entry(mesh: Mesh, connections: Connections) -> Entry:
    """What would happen to a request: `proxyID`, `url`, `method`, `headers` (one a line)."""

    def page(question: Question) -> Work[object]:
        wanted = question.get("proxyID")
        found = next((each for each in connections() if wanted in each.id and isinstance(each.proxy, Proxy)), None)
        if not wanted or found is None:
            return text(f"proxyID: no connected proxy is called {wanted}\n", 404)
        try:
            request = parse_request(
                question.get("url"), question.get("method") or "GET", question.get("headers").splitlines()
            )
        except ValueError as error:
            return text(f"{error}\n", 400)
        told = yield from explain(mesh.snapshot, found.proxy, request)
        return told.as_data()

    return Entry("explain", "What would happen to a request of a proxy (proxyID, url, method, headers).", page)


def explaining(mesh: Mesh) -> Callable[[Proxy, str], Work[Mapping[str, Any] | str]]:
    """The same for a proxy at hand and a GET of a URL; text: what is wrong with the URL."""

    def told(proxy: Proxy, url: str) -> Work[Mapping[str, Any] | str]:
        try:
            request = parse_request(url)
        except ValueError as error:
            return str(error)
        return (yield from explain(mesh.snapshot, proxy, request)).as_data()

    return told


def diff_entry(mesh: Mesh, connections: Connections) -> Entry:
    """What a change, sent as the body of a POST, would mean to the connected proxies; `bodies`: with new resources."""

    def page(question: Question) -> Work[object]:
        proxies = [(class_of(each.proxy), each.proxy) for each in connections() if isinstance(each.proxy, Proxy)]
        if not question.body.strip():
            return text("expected the changed objects as the body of a POST\n", 400)
        return (yield from answer(mesh.snapshot, question.body, proxies, with_bodies="bodies" in question.query))

    return Entry("diff", "What a change (the body of a POST) would do to connected proxies; it is not made.", page)


def why_entry(history: History) -> Entry:
    """What was pushed lately and why: `proxyID` chooses, `limit` bounds."""

    def page(question: Question) -> object:
        limit = int(question.get("limit")) if question.get("limit").isdecimal() else 100
        return history.rows(question.get("proxyID"), limit)

    return Entry("why", "What was pushed lately, of which types, to whom, and because of what (proxyID, limit).", page)


def live_entry(mesh: Mesh, connections: Connections) -> Entry:
    """Who has accepted an object: `kind`, `namespace`, `name`."""

    def held(proxy: Proxy, type_url: TypeUrl, names: frozenset[str] | None) -> Work[ResourceSet | None]:
        yield from mesh.steps(proxy, type_url, names) or ()
        return mesh.resources_for(proxy, type_url, names)

    def page(question: Question) -> Work[object]:
        kind, namespace, name = (question.get(each) for each in ("kind", "namespace", "name"))
        found = yield from progress.of_object(mesh.snapshot, connections(), held, kind, namespace, name)
        return found if found is not None else text(f"{kind} {namespace}/{name}: there is none\n", 404)

    return Entry("live", "How many proxies have accepted an object, and who has not (kind, namespace, name).", page)
