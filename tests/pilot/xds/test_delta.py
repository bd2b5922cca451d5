import pytest
from envoy.service.discovery.v3 import discovery_pb2

from pilot.errors import BadRequest, MissingType
from pilot.type_urls import CLUSTER, ENDPOINT
from pilot.xds.delta import Delta
from pilot.xds.requests import Request
from pilot.xds.subscription import Subscription
from tests.pilot.xds.worlds import node

FRONT = Delta()


def test_request_is_decoded() -> None:
    message = discovery_pb2.DeltaDiscoveryRequest(
        node=node(),
        type_url=ENDPOINT,
        resource_names_subscribe=["a", "b"],
        resource_names_unsubscribe=["c"],
        initial_resource_versions={"a": "1"},
        response_nonce="7",
    )
    message.error_detail.message = "bad"
    assert FRONT.decode(message.SerializeToString()) == Request(
        ENDPOINT,
        nonce="7",
        error="bad",
        names=frozenset(("a", "b")),
        unsubscribe=frozenset("c"),
        claims={"a": "1"},
        node=message.node,
    )


def test_garbage_is_no_request() -> None:
    with pytest.raises(BadRequest, match=r"^request of 2 bytes is no DeltaDiscoveryRequest$"):
        FRONT.decode(b"\xff\xff")


def test_request_without_type_is_refused() -> None:
    with pytest.raises(MissingType):
        FRONT.decode(discovery_pb2.DeltaDiscoveryRequest(response_nonce="1").SerializeToString())


def test_wish_beside_a_stale_nonce_counts() -> None:
    held = Subscription(frozenset("a"), explicit=True)
    step = FRONT.step(Request(ENDPOINT, nonce="6", names=frozenset("b")), held, current=False)
    assert step.asked == {"b"}
    assert step.subscription.names == {"a", "b"}


def test_first_request_may_claim_resources_of_an_earlier_stream() -> None:
    step = FRONT.step(Request(CLUSTER, claims={"a": "1"}), None, current=True)
    assert step.subscription == Subscription(wildcard=True)
