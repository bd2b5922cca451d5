from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot.model.decoding import Fault, Unknown, decode_value, describe, path_text, unknown_field
from pilot.model.destination_rule import DestinationRuleSpec
from pilot.model.duration import Duration
from pilot.model.extension_provider import LogFormat
from pilot.model.kubernetes import KubernetesService
from pilot.model.mesh import MeshConfig
from pilot.model.peer_authentication import PeerAuthenticationSpec
from pilot.model.problem import Severity
from pilot.model.proxy_config import ProxyConfig
from pilot.model.traffic_policy import ConsistentHashLB
from pilot.model.virtual_service import HTTPRetry, HTTPRoute, StringMatch, VirtualServiceSpec


def faults_of(value: object, type_: Any, unknown: Unknown = Unknown.REFUSE) -> list[tuple[str, str]]:
    """(path, message) of what is wrong; the value must be None then."""
    decoded, faults = decode_value(value, type_, unknown)
    assert decoded is None
    return [(path_text(fault.path), fault.message) for fault in faults]


def test_a_right_value_has_no_faults() -> None:
    decoded, faults = decode_value({"attempts": 2, "perTryTimeout": "2s"}, HTTPRetry)
    assert decoded == HTTPRetry(attempts=2, per_try_timeout=Duration(seconds=2))
    assert faults == ()


def test_an_unknown_field_is_named_with_what_was_meant() -> None:
    assert faults_of({"hots": ["a"]}, VirtualServiceSpec) == [("hots", "unknown field, did you mean hosts?")]
    assert faults_of({"http": [{"perTryTimeOut": "1s"}]}, VirtualServiceSpec) == [
        ("http[0].perTryTimeOut", "unknown field")
    ]
    assert faults_of({"HOSTS": ["a"]}, VirtualServiceSpec) == [("HOSTS", "unknown field, did you mean hosts?")]


def test_without_a_likely_name_the_few_possible_ones_are_listed() -> None:
    assert faults_of({"zzz": 1}, StringMatch) == [("zzz", "unknown field, expected one of exact, prefix, regex")]
    assert unknown_field("a", []) == "unknown field, expected none"


def test_a_wrong_type_says_path_expected_and_got() -> None:
    assert faults_of({"hosts": "a"}, VirtualServiceSpec) == [("hosts", 'expected a list, got the string "a"')]
    assert faults_of({"http": [{"match": {}}]}, VirtualServiceSpec) == [
        ("http[0].match", "expected a list, got a mapping")
    ]
    assert faults_of({"http": [3]}, VirtualServiceSpec) == [("http[0]", "expected a mapping, got the number 3")]
    assert faults_of({"attempts": "many"}, HTTPRetry) == [
        ("attempts", 'expected a whole number, got the string "many"')
    ]
    assert faults_of({"attempts": 1.5}, HTTPRetry) == [("attempts", "expected a whole number, got the number 1.5")]
    assert faults_of({"retryRemoteLocalities": "yes"}, HTTPRetry) == [
        ("retryRemoteLocalities", 'expected true or false, got the string "yes"')
    ]
    assert faults_of([], HTTPRetry) == [("", "expected a mapping, got a list")]


def test_a_number_where_text_belongs_is_told_to_be_quoted() -> None:
    assert faults_of({"retryOn": 503}, HTTPRetry) == [
        ("retryOn", "expected a string, got the number 503 (put it in quotes)")
    ]
    assert faults_of({"retryOn": True}, HTTPRetry) == [
        ("retryOn", "expected a string, got the boolean true (put it in quotes)")
    ]


def test_a_wrong_choice_names_the_right_ones() -> None:
    assert faults_of({"mtls": {"mode": "strict"}}, PeerAuthenticationSpec) == [
        ("mtls.mode", 'expected one of UNSET, DISABLE, PERMISSIVE, STRICT, got the string "strict"')
    ]


def test_a_wrong_duration_shows_a_right_one() -> None:
    assert faults_of({"timeout": 5}, HTTPRoute) == [("timeout", 'expected a duration such as "10s", got the number 5')]
    assert faults_of({"timeout": "5"}, HTTPRoute) == [
        ("timeout", 'expected a duration such as "1h30m", "0.5s" or "100ms", got "5"')
    ]
    assert faults_of({"timeout": "-1s"}, HTTPRoute) == [("timeout", 'expected a duration of 0s or more, got "-1s"')]


def test_alternatives_exclude_each_other() -> None:
    assert faults_of({"exact": "a", "regex": "b"}, StringMatch) == [
        ("regex", "expected at most one of exact, prefix, regex, got exact and regex")
    ]


def test_an_alternative_at_its_default_is_not_given() -> None:
    decoded, _ = decode_value({"httpHeaderName": "", "useSourceIp": True, "ringHash": None}, ConsistentHashLB)
    assert decoded == ConsistentHashLB(use_source_ip=True)


def test_every_fault_is_found_not_only_the_first() -> None:
    value = {"hosts": 1, "http": [{"timeout": "x"}, {"retries": {"attempts": "y"}}], "gates": []}
    assert [path for path, _ in faults_of(value, VirtualServiceSpec)] == [
        "hosts", "http[0].timeout", "http[1].retries.attempts", "gates",
    ]  # fmt: skip


def test_null_counts_as_absent() -> None:
    value = {"hosts": None, "http": [{"timeout": None, "name": None, "match": [{"headers": {"x": None}}]}]}
    decoded, faults = decode_value(value, VirtualServiceSpec)
    assert decoded is not None
    assert (decoded.hosts, decoded.http[0].timeout, decoded.http[0].match[0].headers) == ((), None, {})
    assert faults == ()


def test_null_in_a_list_is_a_fault() -> None:
    assert faults_of({"hosts": [None]}, VirtualServiceSpec) == [("hosts[0]", "expected a string, got nothing")]


def test_protobufs_other_spellings_are_accepted() -> None:
    decoded, faults = decode_value({"mirror_percent": 10, "rewrite": {"uri_regex_rewrite": {}}}, HTTPRoute)
    assert decoded is not None
    assert decoded.mirror_percent == 10
    assert decoded.rewrite is not None
    assert decoded.rewrite.uri_regex_rewrite is not None
    assert faults == ()


def test_one_field_in_two_spellings_is_a_fault() -> None:
    assert faults_of({"mirrorPercent": 1, "mirror_percent": 2}, HTTPRoute) == [
        ("mirror_percent", "given twice: mirrorPercent is there in another spelling")
    ]


@pytest.mark.parametrize("value", ["3", 3, 3.0, "+3"])
def test_whole_numbers_may_be_text_or_whole_floats(value: object) -> None:
    decoded, _ = decode_value({"attempts": value}, HTTPRetry)
    assert decoded == HTTPRetry(attempts=3)


def test_numbers_may_be_text_but_no_infinity() -> None:
    decoded, _ = decode_value({"tracing": {"sampling": "12.5"}}, ProxyConfig)
    assert decoded is not None
    assert decoded.tracing is not None
    assert decoded.tracing.sampling == 12.5
    assert faults_of({"tracing": {"sampling": "inf"}}, ProxyConfig) == [
        ("tracing.sampling", "expected a number, got the number inf")
    ]
    assert faults_of({"tracing": {"sampling": "much"}}, ProxyConfig) == [
        ("tracing.sampling", 'expected a number, got the string "much"')
    ]


def test_numbers_out_of_range_name_the_range() -> None:
    assert faults_of({"http": [{"match": [{"port": -1}]}]}, VirtualServiceSpec) == [
        ("http[0].match[0].port", "expected a whole number from 0 to 4294967295, got the number -1")
    ]
    assert faults_of({"minimumRingSize": -1}, ConsistentHashLB) == [
        ("minimumRingSize", "expected a whole number of 0 or more, got the number -1")
    ]


def test_unknown_fields_can_be_a_warning_or_nothing() -> None:
    decoded, faults = decode_value({"trustDomain": "a", "news": 1}, MeshConfig, Unknown.WARN)
    assert decoded is not None
    assert decoded.trust_domain == "a"
    assert faults == (Fault(("news",), "unknown field", Severity.WARNING),)
    decoded, faults = decode_value({"trustDomain": "a", "news": 1}, MeshConfig, Unknown.IGNORE)
    assert decoded is not None
    assert faults == ()


def test_core_kubernetes_objects_may_hold_what_we_do_not_know() -> None:
    value = {"metadata": {"uid": "x", "name": "a"}, "spec": {"brandNew": True, "ports": [{"port": "80"}]}}
    decoded, faults = decode_value(value, KubernetesService)
    assert decoded is not None
    assert decoded.spec.ports[0].port == 80
    assert faults == ()


def test_a_target_port_is_a_number_or_a_name() -> None:
    value = {"spec": {"ports": [{"port": 1, "targetPort": "http"}, {"port": 2, "targetPort": 8080, "name": None}]}}
    decoded, _ = decode_value(value, KubernetesService)
    assert decoded is not None
    assert [port.target_port for port in decoded.spec.ports] == ["http", 8080]
    assert faults_of({"spec": {"ports": [{"port": 1, "targetPort": [8080]}]}}, KubernetesService) == [
        ("spec.ports[0].targetPort", "expected a number or a name, got a list")
    ]


def test_any_json_stays_as_it_is() -> None:
    labels = {"a": {"b": [1, None, {"c": True}]}}
    assert decode_value({"labels": labels, "text": None}, LogFormat)[0] == LogFormat(labels=labels)


def test_a_path_reads_like_the_document() -> None:
    assert path_text(("spec", "http", 0, "match", 1, "headers", "end-user", "exact")) == (
        'spec.http[0].match[1].headers["end-user"].exact'
    )
    assert path_text(()) == ""


def test_long_values_are_not_repeated_in_full() -> None:
    assert len(describe("x" * 10_000)) < 120
    assert describe(object()) == "a value of type object"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    [
        "hosts", "gateways", "http", "tls", "tcp", "match", "route", "destination", "host", "port", "number", "uri",
        "exact", "prefix", "regex", "timeout", "retries", "attempts", "mirrors", "percentage", "value", "headers",
        "request", "set", "add", "remove", "fault", "delay", "fixedDelay", "trafficPolicy", "subsets", "loadBalancer",
        "simple", "consistentHash", "httpCookie", "ttl", "outlierDetection", "mirror_percent", "from", "to",
    ]
)  # fmt: skip
LIKELY = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99999) | st.sampled_from(["1s", "80", "a.b", "ROUND_ROBIN", "", "*"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=30,
)


@given(JSON | LIKELY, st.sampled_from([VirtualServiceSpec, DestinationRuleSpec, MeshConfig, KubernetesService]))
def test_any_json_is_a_value_or_faults_never_an_exception(value: object, type_: type[msgspec.Struct]) -> None:
    for unknown in Unknown:
        decoded, faults = decode_value(value, type_, unknown)
        errors = [fault for fault in faults if fault.severity is Severity.ERROR]
        assert (decoded is None) == bool(errors)
        assert all(fault.message and "\n" not in path_text(fault.path)[:1] for fault in faults)
