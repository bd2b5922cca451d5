from pilot.type_urls import CLUSTER
from pilot.xds.delta import Delta
from pilot.xds.requests import FrontEnd, Request
from pilot.xds.sotw import StateOfTheWorld


def test_request_says_nothing_unless_told() -> None:
    request = Request(CLUSTER)
    assert (request.nonce, request.error, request.node) == ("", None, None)
    assert not request.names
    assert not request.unsubscribe
    assert not request.claims


def test_both_protocols_are_front_ends() -> None:
    fronts: list[FrontEnd] = [StateOfTheWorld(), Delta()]
    assert len(fronts) == 2
