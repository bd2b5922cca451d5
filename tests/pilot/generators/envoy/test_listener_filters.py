from typing import Any

from envoy.config.listener.v3.listener_components_pb2 import ListenerFilter
from google.protobuf import json_format

from pilot.generators.envoy.listener_filters import http_inspector, tls_inspector


def disabled(made: bytes | None) -> Any:
    assert made is not None
    return json_format.MessageToDict(ListenerFilter.FromString(made)).get("filterDisabled")


def test_an_inspector_that_nothing_needs_is_not_there() -> None:
    assert tls_inspector({0: False, 80: False}) is None
    assert http_inspector({0: False, 80: False}) is None
    assert http_inspector({}) is None


def test_an_inspector_that_everything_needs_is_never_off() -> None:
    assert disabled(tls_inspector({0: True, 80: True})) is None
    assert disabled(http_inspector({80: True})) is None


def test_an_inspector_is_off_for_listed_ports_without_need() -> None:
    assert disabled(tls_inspector({0: True, 90: False, 80: True})) == {"destinationPortRange": {"start": 90, "end": 91}}
    assert disabled(http_inspector({0: True, 90: False, 80: False})) == {
        "orMatch": {
            "rules": [
                {"destinationPortRange": {"start": 80, "end": 81}},
                {"destinationPortRange": {"start": 90, "end": 91}},
            ]
        }
    }


def test_tls_is_only_looked_for_where_it_is_needed_if_most_ports_do_not() -> None:
    assert disabled(tls_inspector({0: False, 80: True, 90: False})) == {
        "notMatch": {"destinationPortRange": {"start": 80, "end": 81}}
    }
    assert disabled(tls_inspector({80: True})) == {"notMatch": {"destinationPortRange": {"start": 80, "end": 81}}}


def test_http_is_turned_off_for_all_other_ports_like_for_a_port() -> None:
    assert disabled(http_inspector({0: False, 80: True})) == {"destinationPortRange": {"end": 1}}
