"""What an API server is told about an object."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot import admission
from pilot.admission import judge
from pilot.sources.kinds import KINDS

ROUTE = {"route": [{"destination": {"host": "a"}}]}


def virtual_service(**spec: object) -> dict[str, object]:
    metadata = {"name": "a", "namespace": "ns"}
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": metadata, "spec": spec}


def test_a_right_object_is_allowed() -> None:
    assert judge(virtual_service(hosts=["a"], http=[ROUTE])) == admission.Verdict(True)


def test_all_that_is_wrong_is_in_the_message_with_its_field() -> None:
    verdict = judge(virtual_service(hosts=["a"], http=[{**ROUTE, "timeout": "0s", "rewrite": {}}]))
    assert not verdict.allowed
    assert verdict.reason == admission.INVALID
    assert verdict.message.startswith("configuration is invalid: 2 problems:\n* spec.http[0].")
    assert "spec.http[0].timeout: expected" in verdict.message


def test_unknown_fields_decide_nothing_and_are_named() -> None:
    verdict = judge(virtual_service(hosts=["a"], http=[{**ROUTE, "retriess": {}}]))
    assert verdict.allowed
    assert verdict.unknown_fields == ("spec.http[0].retriess",)


def test_a_wrong_type_is_not_decoded() -> None:
    verdict = judge(virtual_service(hosts="a"))
    assert (verdict.allowed, verdict.reason) == (False, admission.NOT_DECODED)
    assert verdict.message == 'error decoding configuration: spec.hosts: expected a list, got the string "a"'


@pytest.mark.parametrize("api_version", ["networking.istio.io/v1alpha3", "networking.istio.io/v77"])
def test_any_version_of_a_known_kind_is_read(api_version: str) -> None:
    assert judge({**virtual_service(hosts=["a"], http=[ROUTE]), "apiVersion": api_version}).allowed


def test_an_unknown_kind_is_refused() -> None:
    verdict = judge({"apiVersion": "networking.istio.io/v1", "kind": "Teapot", "metadata": {"name": "a"}})
    assert verdict == admission.Verdict(
        False, "unrecognized type networking.istio.io/v1, Kind=Teapot", reason=admission.UNKNOWN_TYPE
    )
    assert not judge({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}).allowed


def test_other_keys_at_the_top_are_refused() -> None:
    verdict = judge({**virtual_service(hosts=["a"], http=[ROUTE]), "specs": {}})
    assert (verdict.allowed, verdict.reason) == (False, admission.INVALID)


def test_kinds_with_schemas_of_their_own_are_left_to_them() -> None:
    gateway = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "a"}, "spec": 5}
    assert judge(gateway).allowed


def test_the_requests_namespace_counts_where_the_object_says_none() -> None:
    value = virtual_service(hosts=["a"], http=[ROUTE], exportTo=[".", "here"])
    value["metadata"] = {"name": "a"}
    assert judge(value, "there").allowed
    assert not judge(value, "here").allowed


NAMES = st.sampled_from(
    ["spec", "hosts", "http", "match", "route", "destination", "host", "port", "number", "servers", "tls", "subsets",
     "trafficPolicy", "rules", "from", "to", "when", "source", "operation", "key", "values", "labels", "selector",
     "configPatches", "patch", "value", "applyTo", "egress", "ingress", "endpoints", "address", "ports", "tracing",
     "metrics", "template", "probe", "jwtRules", "jwks", "url", "name", "uri", "regex", "weight", "timeout"]
)  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6) | st.just("*"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=4), inner, max_size=4),
    max_leaves=15,
)


@given(st.sampled_from(sorted(key for key, kind in KINDS.items() if kind.strict)), ANYTHING)
def test_anything_at_all_has_a_verdict(kind: tuple[str, str], spec: object) -> None:
    group, name = kind
    metadata = {"name": "x", "namespace": "ns"}
    verdict = judge({"apiVersion": f"{group}/v1", "kind": name, "metadata": metadata, "spec": spec})
    assert verdict.allowed == (not verdict.message)
