from typing import Any

from pilot.generators.waypoint.tunnels import build_double
from pilot.resources import resource_set
from tests.pilot.generators.worlds import TCP_PROXY, config_of, context, filters_of
from tests.recordings import as_json


def made() -> dict[str, Any]:
    return as_json(resource_set(tuple(build_double(context(), "east"))))


def test_the_inner_tunnel_says_from_which_network_it_comes() -> None:
    (chain,) = made()["inner_connect_originate"]["filterChains"]
    (header,) = config_of(chain, TCP_PROXY)["tunnelingConfig"]["headersToAdd"]

    assert filters_of(chain)[0] == "propagate_endpoint_metadata"
    assert header["header"] == {"key": "x-forwarded-network", "value": "east"}


def test_the_outer_tunnel_goes_to_the_same_target() -> None:
    (chain,) = made()["outer_connect_originate"]["filterChains"]

    assert config_of(chain, TCP_PROXY)["cluster"] == "outer_connect_originate"
    assert "hbone_target_address" in config_of(chain, TCP_PROXY)["tunnelingConfig"]["hostname"]
