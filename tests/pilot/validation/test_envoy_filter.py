"""Patches that fit what they are to change."""

import pytest

from pilot.model.envoy_filter import EnvoyFilter
from tests.pilot.validation.samples import refused, warned

LUA = "{name: a, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua}}"
REMOVE = "patch: {operation: REMOVE}"


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        (f"applyTo: INVALID, {REMOVE}", "applyTo"),
        ("applyTo: CLUSTER", "patch"),
        ("applyTo: CLUSTER, patch: {value: {}}", "patch.operation"),
        ("applyTo: CLUSTER, patch: {operation: ADD}", "patch.value"),
        ("applyTo: CLUSTER, patch: {operation: ADD, value: {name: 5}}", "patch.value"),
        (f"applyTo: CLUSTER, match: {{proxy: {{proxyVersion: '('}}}}, {REMOVE}", "match.proxy.proxyVersion"),
        (f"applyTo: HTTP_ROUTE, match: {{cluster: {{}}}}, {REMOVE}", "match.cluster"),
        (
            f"applyTo: HTTP_FILTER, match: {{listener: {{filterChain: {{filter: {{}}}}}}}}, {REMOVE}",
            "match.listener.filterChain.filter.name",
        ),
        (
            (
                "applyTo: NETWORK_FILTER, match: {listener: {filterChain: {filter: "
                f"{{name: envoy.filters.network.http_connection_manager, subFilter: {{name: b}}}}}}}}}}, {REMOVE}"
            ),
            "match.listener.filterChain.filter.subFilter",
        ),
        (
            (
                "applyTo: HTTP_FILTER, match: {listener: {filterChain: {filter: "
                f"{{name: a, subFilter: {{name: b}}}}}}}}}}, {REMOVE}"
            ),
            "match.listener.filterChain.filter.subFilter",
        ),
    ],
)
def test_what_is_wrong_is_refused_by_field(patch: str, field: str) -> None:
    assert refused(EnvoyFilter, f"{{configPatches: [{{{patch}}}]}}") == [f"spec.configPatches[0].{field}"]


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ("applyTo: CLUSTER, patch: {operation: MERGE, value: {x: 1}}", "patch.value"),
        ("applyTo: HTTP_FILTER, patch: {operation: ADD, value: {name: a}}", "patch.value"),
        ("applyTo: HTTP_FILTER, patch: {operation: REMOVE, value: {name: a}}", "patch.value"),
        ("applyTo: CLUSTER, patch: {operation: MERGE, value: {transport_socket: {name: a}}}", "patch.value"),
        (
            f"applyTo: LISTENER, match: {{listener: {{filterChain: {{filter: {{name: a}}}}}}}}, {REMOVE}",
            "match.listener.filterChain.filter",
        ),
        (
            f"applyTo: HTTP_FILTER, match: {{listener: {{filterChain: {{filter: {{name: envoy.lua}}}}}}}}, {REMOVE}",
            "match.listener.filterChain.filter.name",
        ),
    ],
)
def test_what_is_doubtful_is_allowed_with_a_warning(patch: str, field: str) -> None:
    spec = f"{{configPatches: [{{{patch}}}]}}"
    assert refused(EnvoyFilter, spec) == []
    assert warned(EnvoyFilter, spec) == ["", f"spec.configPatches[0].{field}"]


def test_caution_is_always_told() -> None:
    value = LUA.replace("name: a", "name: envoy.lua")
    spec = f"{{configPatches: [{{applyTo: HTTP_FILTER, patch: {{operation: INSERT_FIRST, value: {value}}}}}]}}"
    assert (refused(EnvoyFilter, spec), warned(EnvoyFilter, spec)) == ([], [""])


def test_patches_of_waypoints_are_left_alone() -> None:
    assert refused(EnvoyFilter, "{configPatches: [{match: {context: WAYPOINT}}]}") == []
