"""Which patches of EnvoyFilters can take effect, for which proxies, and what is said of the others."""

import pytest

from pilot.model.envoy_filter import Operation, ProxyMatch
from pilot.model.envoy_filters import applies_to_proxy, check
from pilot.model.problem import Severity
from tests.pilot.generators.patching.filters_of import checked, envoy_filter, lua, patch
from tests.pilot.model.meshes import only


def test_a_patch_knows_its_object_and_its_place_in_it() -> None:
    found = checked(patch("CLUSTER", "REMOVE"), patch("LISTENER", "REMOVE"))
    assert [(str(each.key), each.field) for each in found.patches] == [
        ("EnvoyFilter istio-system/patches", "spec.configPatches[0]"),
        ("EnvoyFilter istio-system/patches", "spec.configPatches[1]"),
    ]
    assert not found.problems


@pytest.mark.parametrize(
    ("apply_to", "operation", "value", "said"),
    [
        ("ROUTE_CONFIGURATION", "ADD", {"name": "x"}, "expected one of MERGE for ROUTE_CONFIGURATION, got ADD"),
        ("CLUSTER", "REPLACE", {"name": "x"}, "expected one of ADD, MERGE, REMOVE for CLUSTER, got REPLACE"),
        ("HTTP_FILTER", "INVALID", None, "got INVALID"),
        ("INVALID", "ADD", {"name": "x"}, "expected applyTo"),
        ("CLUSTER", "ADD", None, "expected a value to ADD, got nothing"),
    ],
)
def test_what_cannot_take_effect_is_left_out_and_named(
    apply_to: str, operation: str, value: dict[str, str] | None, said: str
) -> None:
    found = checked(patch(apply_to, operation, value), patch("CLUSTER", "REMOVE"))
    assert [each.index for each in found.patches] == [1]
    (problem,) = found.problems
    assert said in problem.message
    assert problem.field == "spec.configPatches[0]"


def test_inserting_where_order_means_nothing_is_adding() -> None:
    found = checked(patch("CLUSTER", "INSERT_FIRST", {"name": "x"}), patch("HTTP_FILTER", "INSERT_FIRST", lua("x")))
    assert [each.operation for each in found.patches] == [Operation.ADD, Operation.INSERT_FIRST]


def test_a_version_that_is_no_expression_is_named() -> None:
    found = checked(patch("CLUSTER", "REMOVE", proxy={"proxyVersion": "1.("}))
    assert not found.patches
    assert "regular expression" in found.problems[0].message


def test_the_waypoint_context_is_a_warning_and_changes_nothing() -> None:
    found = checked(patch("CLUSTER", "REMOVE", context="WAYPOINT"))
    assert [each.severity for each in found.problems] == [Severity.WARNING]


def test_the_same_object_is_checked_once() -> None:
    declared = only(envoy_filter(patch("CLUSTER", "REMOVE")))
    assert check(declared) is check(declared)
    assert check(declared) == check(only(envoy_filter(patch("CLUSTER", "REMOVE"))))
    assert check(declared) != check(only(envoy_filter(patch("LISTENER", "REMOVE"))))


@pytest.mark.parametrize(
    ("match", "applies"),
    [
        (None, True),
        (ProxyMatch(), True),
        (ProxyMatch(proxy_version=r"^1\.29.*"), True),
        (ProxyMatch(proxy_version="29"), True),
        (ProxyMatch(proxy_version=r"^1\.28"), False),
        (ProxyMatch(metadata={"TEAM": "blue"}), True),
        (ProxyMatch(metadata={"TEAM": "red"}), False),
        (ProxyMatch(metadata={"NOBODY": ""}), False),
        (ProxyMatch(metadata={"NUMBER": "1"}), False),
        (ProxyMatch(proxy_version="1", metadata={"TEAM": "red"}), False),
    ],
)
def test_version_and_metadata_of_the_proxy_decide(match: ProxyMatch | None, applies: bool) -> None:
    assert applies_to_proxy(match, "1.29.1", {"TEAM": "blue", "NUMBER": 1}) is applies


def test_a_proxy_without_version_has_none_that_matches() -> None:
    assert not applies_to_proxy(ProxyMatch(proxy_version=".*"), "", {})


def test_services_that_an_annotation_names_go_with_each_patch() -> None:
    text = envoy_filter(patch("CLUSTER", "REMOVE")).replace(
        "metadata:", "metadata:\n  annotations: {envoyfilter.istio.io/referenced-services: 'a.com, ns/b.com'}"
    )
    (found,) = check(only(text)).patches
    assert found.references == ("a.com", "b.com")
    assert check(only(text)) != check(only(envoy_filter(patch("CLUSTER", "REMOVE"))))
