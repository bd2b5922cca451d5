from dataclasses import replace

import pytest
from envoy.service.discovery.v3 import discovery_pb2

from pilot.errors import BadRequest, MissingType
from pilot.type_urls import CLUSTER, ENDPOINT
from pilot.xds.requests import Request
from pilot.xds.sotw import StateOfTheWorld
from pilot.xds.subscription import Step, Subscription
from tests.pilot.xds.worlds import node

FRONT = StateOfTheWorld()
HELD = Subscription(frozenset(("a", "b")), explicit=True)


def test_request_is_decoded() -> None:
    message = discovery_pb2.DiscoveryRequest(
        node=node(), type_url=ENDPOINT, resource_names=["a", "b", "a"], response_nonce="7", version_info="v"
    )
    assert FRONT.decode(message.SerializeToString()) == Request(
        ENDPOINT, nonce="7", names=frozenset(("a", "b")), node=message.node, version="v"
    )


def test_refusal_without_words_is_a_refusal() -> None:
    message = discovery_pb2.DiscoveryRequest(type_url=CLUSTER)
    message.error_detail.code = 13
    assert FRONT.decode(message.SerializeToString()).error == ""
    message.error_detail.message = "bad"
    assert FRONT.decode(message.SerializeToString()).error == "bad"


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\x05abc", b'"\x02\xff\xff'], ids=["tag", "short", "utf-8"])
def test_garbage_is_no_request(data: bytes) -> None:
    with pytest.raises(BadRequest, match=rf"^request of {len(data)} bytes is no DiscoveryRequest$"):
        FRONT.decode(data)


def test_request_without_type_is_refused() -> None:
    with pytest.raises(MissingType):
        FRONT.decode(b"")


def test_of_names_sent_before_the_last_response_arrived_only_what_is_missing_counts() -> None:
    added = Request(ENDPOINT, nonce="6", names=HELD.names | {"c"})
    assert FRONT.step(added, HELD, current=False) == Step(HELD)
    fewer = Request(ENDPOINT, nonce="6", names=frozenset("ac"))
    given_up = Step(replace(HELD, names=frozenset("a")), dropped=frozenset("b"))
    assert FRONT.step(fewer, HELD, current=False) == given_up


def test_empty_list_ends_the_watch_even_then() -> None:
    assert FRONT.step(Request(ENDPOINT, nonce="6"), HELD, current=False).ends


def test_request_without_nonce_begins_anew() -> None:
    step = FRONT.step(Request(ENDPOINT, names=frozenset(("b", "c"))), HELD, current=True)
    assert (step.asked, step.dropped) == (frozenset(("b", "c")), frozenset("a"))
    legacy = Subscription(wildcard=True)
    assert FRONT.step(Request(CLUSTER), legacy, current=True) == Step(legacy, asked=frozenset("*"))


def test_refusal_without_nonce_does_not_begin_anew() -> None:
    """Else a client that refuses whatever it gets would be sent it for ever."""
    request = Request(ENDPOINT, error="bad", names=HELD.names)
    assert FRONT.step(request, HELD, current=True) == Step(HELD)
