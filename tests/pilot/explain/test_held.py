from pilot.explain.held import Having, proxies_of
from pilot.memo import finish
from pilot.type_urls import CLUSTER, ENDPOINT, ROUTE
from pilot.view.proxy import ProxyKind
from tests.pilot.explain.worlds import proxy, snapshot

NAME = "outbound|80||web.app.svc.cluster.local"


def test_a_proxy_has_what_it_is_served() -> None:
    mesh = snapshot()
    having = Having(mesh, proxy(mesh))
    cluster, route = finish(having.one(CLUSTER, NAME)), finish(having.one(ROUTE, "80"))
    assert cluster is not None
    assert cluster.message.name == NAME
    assert route is not None
    assert finish(having.one(ENDPOINT, NAME)) is not None
    assert finish(having.one(CLUSTER, "none")) is None
    assert "virtualOutbound" in [each.message.name for each in finish(having.listeners())]


def test_who_serves_a_gateway_is_a_router() -> None:
    mesh = snapshot()
    assert proxy(mesh, "edge").traits.kind is ProxyKind.ROUTER
    assert {each.id for _, each in proxies_of(mesh)} == {"web-1.app", "caller.app", "edge.app"}
