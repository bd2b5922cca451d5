from typing import Any

from google.protobuf import json_format
from xds.type.matcher.v3.ip_pb2 import IPMatcher
from xds.type.matcher.v3.matcher_pb2 import Matcher

from pilot.generators.waypoint.matcher import build_matcher, service_range, workload_range
from pilot.generators.waypoint.parts import parts_of
from pilot.model.features import Features
from tests.pilot.generators.samples import HTTP, SNIFFED, service

WEB = service("web", HTTP, SNIFFED)


def entry(body: bytes) -> Any:
    return json_format.MessageToDict(IPMatcher.IPRangeMatcher.FromString(body))


def test_a_service_is_found_by_address_and_port() -> None:
    found = entry(service_range("10.0.0.1 2001:db8::/64", parts_of(WEB, Features())))

    assert [(each["addressPrefix"], each["prefixLen"]) for each in found["ranges"]] == [
        ("10.0.0.1", 32),
        ("2001:db8::", 64),
    ]
    by_port = found["onMatch"]["matcher"]["matcherTree"]["exactMatchMap"]["map"]
    assert by_port["80"]["action"]["name"] == f"inbound-vip|80|http|{WEB.hostname}"


def test_where_nothing_is_declared_the_first_bytes_decide() -> None:
    found = entry(service_range("10.0.0.1", parts_of(WEB, Features())))
    sniffed = found["onMatch"]["matcher"]["matcherTree"]["exactMatchMap"]["map"]["6000"]["matcher"]

    assert sniffed["onNoMatch"]["action"]["name"] == f"inbound-vip|6000|tcp|{WEB.hostname}"
    assert set(sniffed["matcherTree"]["exactMatchMap"]["map"]) == {"'h2c'", "'http/1.1'"}


def test_a_workload_is_found_by_address_whatever_the_port() -> None:
    found = entry(workload_range("10.1.0.1", "bytes", "requests"))

    assert found["onMatch"]["matcher"]["onNoMatch"]["action"]["name"] == "bytes"


def test_entries_are_put_together_as_they_are() -> None:
    one = workload_range("10.1.0.1", "a", "b")
    whole = Matcher.FromString(build_matcher((one, one)))
    inside = IPMatcher.FromString(whole.matcher_tree.custom_match.typed_config.value)

    assert len(inside.range_matchers) == 2
