from datetime import UTC, datetime
from typing import Any

from pilot import pipeline
from pilot.memo import Work, finish
from pilot.resources import ResourceSet
from pilot.status.progress import find_object, of_object
from pilot.type_urls import CLUSTER, ROUTE, TypeUrl
from pilot.xds.discovery import Connection, WatchRow
from tests.pilot.explain.worlds import proxy, snapshot

ROUTES = """
kind: VirtualService
metadata: {name: web, namespace: app, generation: 4}
spec: {hosts: [web], http: [{route: [{destination: {host: web}}]}]}
"""


def test_objects_are_found_by_their_kind_in_any_case() -> None:
    mesh = snapshot(ROUTES)
    assert find_object(mesh, "virtualservices", "app", "web") is find_object(mesh, "VirtualService", "app", "web")
    assert find_object(mesh, "virtualservice", "app", "none") is None


def test_progress_counts_who_has_something_of_an_object() -> None:
    mesh = snapshot(ROUTES)

    def held(who: Any, type_url: TypeUrl, names: frozenset[str] | None) -> Work[ResourceSet | None]:
        return pipeline.steps(mesh, who, type_url, names)

    who, names = proxy(mesh), frozenset({"80"})
    made = finish(held(who, ROUTE, names))
    assert made is not None

    def connection(id_: str, sent: str, acked: str, error: str = "") -> Connection:
        row = WatchRow(ROUTE, names, False, sent, "1", None, acked, "1" if acked == sent else "", error)
        other = WatchRow(CLUSTER, frozenset(), True, "x", "2", None, "x", "2", "")
        return Connection(id_, "n", "p", "delta", datetime.now(UTC), who, (row, other))

    streams = [
        connection("a", made.version, made.version),
        connection("b", made.version, ""),
        connection("c", "old", "old"),
        connection("d", made.version, "", "bad regex"),
    ]
    found = finish(of_object(mesh, streams, held, "VirtualService", "app", "web"))
    assert found is not None
    assert (found["generation"], found["proxies"], found["acknowledged"], found["live"]) == (4, 4, 1, False)
    assert [(each["proxy"], each["reason"], each["error"]) for each in found["behind"]] == [
        ("b", "waiting", ""), ("c", "pending", ""), ("d", "refused", "bad regex")]  # fmt: skip
    nobody = finish(of_object(mesh, (), held, "Gateway", "app", "g"))
    assert nobody is not None
    assert (nobody["proxies"], nobody["live"]) == (0, True)
    assert finish(of_object(mesh, streams, held, "Gateway", "app", "none")) is None
