from typing import Any

from pilot.generators.listeners.tunnel import build_tunnel
from pilot.resources import resource_set
from pilot.view.proxy import Flavour
from tests.pilot.generators.worlds import TCP_PROXY, config_of, context
from tests.recordings import as_json

INTERNAL = "envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport"


def made(mesh: str = "", **traits: Any) -> Any:
    return as_json(resource_set(build_tunnel(context(mesh, **traits)))).get("connect_originate")


def test_a_proxy_that_tunnels_has_an_internal_listener_for_it() -> None:
    listener = made(sends_hbone=True)

    assert (listener["internalListener"], listener["useOriginalDst"]) == ({}, False)
    assert config_of(listener["filterChains"][0], TCP_PROXY)["tunnelingConfig"] == {
        "hostname": "%DOWNSTREAM_LOCAL_ADDRESS%"
    }
    assert [each["name"] for each in listener["listenerFilters"]] == ["envoy.filters.listener.original_dst"]


def test_failures_of_tunnels_are_logged() -> None:
    listener = made("accessLogFile: /a", sends_hbone=True)
    (log,) = config_of(listener["filterChains"][0], TCP_PROXY)["accessLog"]

    assert log["filter"] == {"responseFlagFilter": {"flags": ["UF"]}}


def test_other_proxies_have_none() -> None:
    assert made() is None
    assert made(sends_hbone=True, flavour=Flavour(frozenset({"x.Y"}))) is None
    assert made(sends_hbone=True, flavour=Flavour(frozenset({INTERNAL}))) is not None
