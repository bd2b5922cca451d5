import pytest

from pilot.analysis.envoy_filters import operations
from tests.pilot.analysis.worlds import said


def patches(*texts: str, name: str = "e", spec: str = "") -> str:
    each = ", ".join(f"{{{text}}}" for text in texts)
    return f"{{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: {{name: {name}, namespace: shop}}, spec: {{{spec} configPatches: [{each}]}}}}"  # noqa: E501


@pytest.mark.parametrize(
    ("place", "operation", "code"),
    [
        ("HTTP_FILTER", "INSERT_BEFORE", "IST0151"),
        ("NETWORK_FILTER", "REPLACE", "IST0151"),
        ("CLUSTER", "REPLACE", "IST0152"),
        ("HTTP_ROUTE", "ADD", "IST0153"),
        ("ROUTE_CONFIGURATION", "REMOVE", "IST0154"),
        ("HTTP_FILTER", "INSERT_FIRST", ""),
        ("CLUSTER", "ADD", ""),
    ],
)
def test_operations_do_something_and_in_order(place: str, operation: str, code: str) -> None:
    text = f"applyTo: {place}, patch: {{operation: {operation}, value: {{name: a}}}}"
    assert said(operations, patches(text)) == ([(code, "EnvoyFilter shop/e")] if code else [])


def test_a_priority_makes_an_order() -> None:
    text = "applyTo: HTTP_FILTER, patch: {operation: REMOVE}"
    assert said(operations, patches(text, spec="priority: 5,")) == []


def test_a_patch_of_the_same_name_for_a_version_is_worse() -> None:
    before = "applyTo: HTTP_FILTER, match: {proxy: {proxyVersion: x}}, patch: {operation: ADD, value: {name: a}}"
    after = "applyTo: HTTP_FILTER, patch: {operation: REPLACE, value: {name: a}}"
    assert said(operations, patches(before, name="a"), patches(after, name="b")) == [("IST0155", "EnvoyFilter shop/b")]
