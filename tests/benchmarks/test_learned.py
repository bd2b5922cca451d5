"""What a simulated Envoy learns from a response is what the response says."""

import pytest
from envoy.service.discovery.v3 import discovery_pb2

from benchmarks.learned import CDS, again, learn, merged
from pilot.resources import resource_set
from pilot.type_urls import CLUSTER
from pilot.xds.responses import Responses
from pilot.xds.subscription import EVERYTHING, Subscription
from pilot.xds.wire import encode_nonce
from tests.pilot.xds.worlds import cluster, static_cluster

SET = resource_set([cluster("a", endpoints="behind-a"), cluster("b"), static_cluster("c")])
EMPTY = resource_set([])


@pytest.mark.parametrize("nonce", ["1", "123456"])
def test_a_delta_response_is_read_with_what_its_clusters_ask_for(nonce: str) -> None:
    asked = frozenset((EVERYTHING,))
    body = Responses().delta(CLUSTER, EMPTY, SET, asked, Subscription(wildcard=True))
    learned, found = learn(body.data + encode_nonce(nonce), delta=True)

    assert found == nonce
    assert learned.type_url == CDS
    assert learned.versions == {name: SET[name].version for name in ("a", "b", "c")}
    assert learned.needs == {"a": ("behind-a",), "b": ("b",), "c": ()}


def test_equal_responses_are_read_once() -> None:
    body = Responses().sotw(CLUSTER, EMPTY, SET, frozenset((EVERYTHING,)))
    first, _ = learn(body.data + encode_nonce("7"), delta=False)
    second, nonce = learn(body.data + encode_nonce("8"), delta=False)

    assert first is second
    assert nonce == "8"


def test_what_somebody_has_is_one_object_for_all_who_got_the_same() -> None:
    held, new = {"a": "1", "b": "1"}, {"b": "2", "c": "1"}

    assert merged(held, new, ("a",)) == {"b": "2", "c": "1"}
    assert merged(held, new, ("a",)) is merged(held, new, ("a",))


def test_a_client_that_comes_back_says_what_it_has() -> None:
    claims = {"a": "1"}
    request = discovery_pb2.DeltaDiscoveryRequest.FromString(again(CDS, True, frozenset(("a",)), claims))

    assert request.type_url == CDS
    assert dict(request.initial_resource_versions) == claims
    assert list(request.resource_names_subscribe) == ["a"]
