from typing import Any

from pilot.generators.envoy.wire import Extension, text
from pilot.generators.listeners.terminate import build_terminate
from pilot.resources import resource_set
from pilot.view.proxy import Flavour
from tests.pilot.generators.worlds import config_of, context
from tests.recordings import as_json

MANAGER = "envoy.filters.network.http_connection_manager"


def made(mesh: str = "", **traits: Any) -> Any:
    return as_json(resource_set((build_terminate(context(mesh, **traits)),)))["connect_terminate"]


def filters(listener: Any) -> list[Any]:
    found: list[Any] = config_of(listener["filterChains"][0], MANAGER)["httpFilters"]
    return found


def test_tunnels_end_at_the_port_of_hbone_with_mutual_tls() -> None:
    listener = made()

    assert listener["address"]["socketAddress"]["portValue"] == 15008
    assert listener["filterChains"][0]["transportSocket"]["typedConfig"]["requireClientCertificate"] is True


def test_who_asks_and_what_for_is_kept_for_what_is_inside() -> None:
    (state,) = (each for each in filters(made()) if each["name"] == "connect_authority")
    keys = [each["objectKey"] for each in state["typedConfig"]["onRequestHeaders"]]

    assert "io.istio.peer_principal" in keys
    assert all(each["sharedWithUpstream"] == "ONCE" for each in state["typedConfig"]["onRequestHeaders"])


def test_refused_tunnels_are_logged() -> None:
    (log,) = config_of(made("accessLogFile: /a")["filterChains"][0], MANAGER)["accessLog"]

    assert log["filter"]["statusCodeFilter"]["comparison"]["value"]["defaultValue"] == 400


def test_guards_stand_first() -> None:
    guard = Extension("guard", "a.B", text(1, "guard"))
    listener = as_json(resource_set((build_terminate(context(), (guard,)),)))["connect_terminate"]

    assert filters(listener)[0]["name"] == "guard"


def test_a_stock_envoy_is_spared_the_filter_it_does_not_know_but_not_the_one_that_tells_clients_apart() -> None:
    stock = Flavour(frozenset({"envoy.extensions.filters.http.router.v3.Router"}))

    assert [each["name"] for each in filters(made(flavour=stock))] == [
        "connect_authority",
        "envoy.filters.http.router",
    ]
