"""JSON patches."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.injection import json_patch

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b/c", "d~e", "name"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON, JSON)
def test_the_patch_leads_from_one_to_the_other(old: Any, new: Any) -> None:
    assert (
        repr(json_patch.apply(old, json_patch.diff(old, new))) == repr(new)
        or json_patch.apply(old, json_patch.diff(old, new)) == new
    )


@given(JSON)
def test_no_difference_no_operation(value: Any) -> None:
    assert json_patch.diff(value, value) == ()


def test_named_elements_are_added_where_they_stand() -> None:
    old = {"c": [{"name": "a", "x": 1}, {"name": "b"}]}
    new = {"c": [{"name": "a", "x": 2}, {"name": "p"}, {"name": "b"}]}
    assert json_patch.diff(old, new) == (
        {"op": "replace", "path": "/c/0/x", "value": 2},
        {"op": "add", "path": "/c/1", "value": {"name": "p"}},
    )


def test_keys_are_escaped_and_true_is_not_one() -> None:
    assert json_patch.diff({"a/b~": 1}, {}) == ({"op": "remove", "path": "/a~1b~0"},)
    assert json_patch.diff({"a": 1}, {"a": True}) == ({"op": "replace", "path": "/a", "value": True},)


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/x"},
        {"op": "add", "path": "/l/9", "value": 1},
        {"op": "replace", "path": "/x/y", "value": 1},
    ],
)
def test_operations_without_a_place_are_errors(operation: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no such place"):
        json_patch.apply({"l": []}, [operation])
