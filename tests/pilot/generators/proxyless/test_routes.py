"""Routes of gRPC clients."""

from typing import Any

from pilot.generators.proxyless import routes
from pilot.memo import finish
from tests.pilot.generators.proxyless.shop import SHOP, view, with_object
from tests.recordings import as_json

NAME = "outbound|7070||echo.app.svc.cluster.local"


def _made(text: str = SHOP) -> Any:
    return as_json(finish(routes.steps(view(text), frozenset({NAME}))))[NAME]


def test_each_domain_comes_with_its_port() -> None:
    host = _made()["virtualHosts"][0]
    assert {"echo.app.svc.cluster.local", "echo.app.svc.cluster.local:7070", "echo", "echo:7070"} <= set(
        host["domains"]
    )
    assert set(_made()) == {"name", "virtualHosts"}


def test_time_out_of_a_route_is_that_of_the_stream() -> None:
    route = "{hosts: [echo], http: [{timeout: 3s, route: [{destination: {host: echo}}]}]}"
    action = _made(with_object("VirtualService", route))["virtualHosts"][0]["routes"][0]["route"]
    assert action["maxStreamDuration"] == {"maxStreamDuration": "3s"}
    assert "maxGrpcTimeout" not in action
    assert "maxGrpcTimeout" in _made()["virtualHosts"][0]["routes"][0]["route"]


def test_names_that_mean_nothing_are_left_out() -> None:
    assert len(finish(routes.steps(view(), frozenset({"nonsense"})))) == 0
    assert len(finish(routes.steps(view(), frozenset()))) == 0
