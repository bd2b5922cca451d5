"""What is said of objects, and what is wrong."""

from datetime import UTC, datetime
from typing import Any

from pilot.debug.console import Question
from pilot.debug.status_page import problems_entry, status_entry
from pilot.mesh import Mesh
from pilot.model.objects import ObjectKey
from pilot.model.problem import Problem, Severity
from pilot.type_urls import LISTENER, ROUTE
from pilot.xds.discovery import Connection, WatchRow
from tests.pilot.gatewayapi.worlds import HTTP, world
from tests.pilot.view.proxies import proxy

NOW = datetime(2024, 1, 1, tzinfo=UTC)
PROXY = proxy("a", "gws", "10.1.1.1", "router", LABELS={"gateway.networking.k8s.io/gateway-name": "main"})


def asked(*watches: WatchRow, mesh: Mesh | None = None, **query: str) -> Any:
    """What is said of a mesh with one gateway proxy."""
    connection = Connection("a.gws-1", "", "", "delta", NOW, PROXY, watches)
    return status_entry(mesh or Mesh(world(HTTP)), lambda: (connection,), tuple).page(Question(query))


def test_everything_or_what_is_asked_for() -> None:
    assert [each["kind"] for each in asked()] == ["Gateway", "GatewayClass", "GatewayClass"]
    (found,) = asked(kind="gateway", name="main", namespace="gws")
    assert found["proxies"] == {"connected": 1, "acknowledged": 1}
    assert asked(name="nobody") == []


def test_current_is_what_the_mesh_answers() -> None:
    mesh = Mesh(world(HTTP))
    names = frozenset(("http.80",))
    listeners, routes = mesh.resources_for(PROXY, LISTENER, None), mesh.resources_for(PROXY, ROUTE, names)
    assert listeners is not None
    assert routes is not None
    good = WatchRow(LISTENER, frozenset(), True, listeners.version, "1", NOW, listeners.version, "1", "")
    old = WatchRow(ROUTE, names, False, "old", "1", NOW, "old", "1", "")
    (found, *_) = asked(good, old, mesh=mesh)
    assert found["proxies"]["behind"] == [{"proxy": "a.gws-1", "types": ["RDS"], "reason": "pending"}]


def test_problems_are_a_list_of_objects() -> None:
    problems = (
        Problem("expected a port, got none", ObjectKey("Gateway", "shop", "web"), "a.yaml", 7, "spec.servers[0].port"),
        Problem("look at it", severity=Severity.WARNING),
    )
    told: Any = problems_entry(lambda: problems).page(Question())
    first, second = told
    assert first == {
        "severity": "error",
        "kind": "Gateway",
        "namespace": "shop",
        "name": "web",
        "file": "a.yaml",
        "line": 7,
        "field": "spec.servers[0].port",
        "message": "expected a port, got none",
    }
    assert (second["severity"], second["kind"], second["line"]) == ("warning", "", 0)
