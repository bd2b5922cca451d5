from typing import Any

import pytest
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from pilot.explain.request import parse_request
from pilot.explain.routing import choose, origins_of, rewritten
from pilot.resources import Origin
from tests.pilot.explain.worlds import message

CONFIG = {"filter_metadata": {"istio": {"config": "/apis/networking.istio.io/v1/namespaces/n/virtual-service/v"}}}


def routes(*given: dict[str, Any]) -> Any:
    return message(
        RouteConfiguration, {"name": "80", "virtual_hosts": [{"name": "h", "domains": ["web"], "routes": given}]}
    )


def test_the_first_route_that_fits_is_taken_with_its_maker() -> None:
    made = routes(
        {"match": {"prefix": "/x"}, "route": {"cluster": "a"}},
        {
            "match": {"prefix": "/"},
            "route": {"cluster": "b", "timeout": "2s", "prefix_rewrite": "/new/"},
            "metadata": CONFIG,
        },
    )
    request = parse_request("http://web/y?z=1")
    found = choose(made, request)
    assert found.clusters == (("b", 0),)
    assert found.notes == ("timeout 2 s", "path becomes /new/...")
    assert origins_of(found, ()) == (Origin("VirtualService", "n", "v"),)
    assert rewritten(found, request).path == "/new/y?z=1"
    first = choose(made, parse_request("http://web/x"))
    assert first.clusters == (("a", 0),)
    assert origins_of(first, (Origin("Service", "n", "s"),)) == (Origin("Service", "n", "s"),)


@pytest.mark.parametrize(("ignored", "ended"), [(True, ""), (False, "404: no virtual host")])
def test_a_port_in_the_host_counts_unless_it_is_ignored(ignored: bool, ended: str) -> None:
    made = routes({"match": {"prefix": "/"}, "route": {"cluster": "a"}})
    made.ignore_port_in_host_matching = ignored
    assert choose(made, parse_request("http://web:9080/")).ended == ended


def test_weights_redirects_and_answers() -> None:
    shares = {"clusters": [{"name": "a", "weight": 1}, {"name": "b", "weight": 3}]}
    match = {"prefix": "/"}
    request = parse_request("http://web/")
    assert choose(routes({"match": match, "route": {"weighted_clusters": shares}}), request).clusters == (
        ("a", 1),
        ("b", 3),
    )
    answered = choose(routes({"match": match, "direct_response": {"status": 503}}), request)
    assert (answered.ended, answered.is_answer) == ("503: answered by the proxy", False)
    assert choose(routes({"match": match, "redirect": {"host_redirect": "b"}}), request).ended == "redirected to b"


def test_nothing_fits() -> None:
    assert choose(routes(), parse_request("http://web/")).ended == "404: no route fits"
    assert choose(routes(), parse_request("http://other/")).ended == "404: no virtual host"
