import pytest

from pilot.errors import MissingNode
from pilot.type_urls import CLUSTER
from pilot.xds.delta import Delta
from pilot.xds.requests import FrontEnd, Request, node_of
from pilot.xds.sotw import StateOfTheWorld
from tests.pilot.xds.worlds import node


def test_request_says_nothing_unless_told() -> None:
    request = Request(CLUSTER)
    assert (request.nonce, request.error, request.node) == ("", None, None)
    assert not request.names
    assert not request.unsubscribe
    assert not request.claims


def test_first_request_has_a_node_with_an_id() -> None:
    assert node_of(Request(CLUSTER, node=node())) == node()
    for missing in (None, type(node())()):
        with pytest.raises(MissingNode, match=r"^missing node information$"):
            node_of(Request(CLUSTER, node=missing))


def test_both_protocols_are_front_ends() -> None:
    fronts: list[FrontEnd] = [StateOfTheWorld(), Delta()]
    assert len(fronts) == 2
