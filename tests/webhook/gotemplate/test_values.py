"""Go's truth, kinds and names of types."""

from typing import Any

import pytest

from webhook.gotemplate.values import (
    Enumerated,
    Function,
    Object,
    TypedMap,
    is_true,
    kind_of,
    sorted_items,
    text_length,
    type_of,
)


class Nothing(Object):
    is_nil = True


def test_zero_values_are_false_and_structs_are_true() -> None:
    empty: list[Any] = [None, 0, 0.0, "", False, [], {}, Nothing()]
    assert [is_true(value) for value in empty] == [False] * 8
    assert [is_true(value) for value in (1, "0", [0], {"": 0}, Object(), Function(print))] == [True] * 6


def test_kinds_and_types() -> None:
    values: list[Any] = [None, True, 1, 1.5, "a", [], {}, Object(), Function(print)]
    assert [kind_of(value) for value in values] == [
        "nil", "bool", "int", "float", "string", "list", "map", "object", "func",
    ]  # fmt: skip
    assert type_of(1.5) == "float64"
    assert type_of(TypedMap()) == "map[string]string"
    assert type_of(Enumerated(1, "ONE", "v1.Mode")) == "v1.Mode"


def test_length_of_text_is_in_bytes() -> None:
    assert (text_length("abc"), text_length("é")) == (3, 2)


def test_maps_are_walked_in_order_of_bytes() -> None:
    assert [key for key, _ in sorted_items({"b": 1, "B": 2, "é": 3, "a": 4})] == ["B", "a", "b", "é"]


def test_an_object_has_nothing_of_its_own() -> None:
    assert list(Object().fields()) == []
    with pytest.raises(KeyError):
        Object().look_up("X")
