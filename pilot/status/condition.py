"""Conditions and the other parts of `status`, as they are written.

In: values. Out: frozen structs whose fields are those of the API; `as_data` makes mappings and lists of them. Times are
for who writes: a pure function knows none. Source: Gateway API 1.4 (status); installation 9.5.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from pilot.gatewayapi.faults import Fault
from pilot.model.objects import Object, json_name


class Part(Struct, frozen=True, rename=json_name, omit_defaults=True):
    """A part of a status: what has its default is not written."""


class Condition(Part, frozen=True):
    """One thing that is said of an object."""

    type: str
    status: str
    """`True` or `False`, as text."""
    reason: str
    message: str
    observed_generation: int | str = 0
    """Text in the kinds of Istio, whose numbers are 64 bits wide."""


class Conditioned(Part, frozen=True):
    """A status that is conditions alone."""

    conditions: tuple[Condition, ...]


def generation_of(declared: Object) -> int:
    """Which edit of an object is spoken of: what a person wrote into a file is the first."""
    return declared.metadata.generation or 1


def conditions(generation: int, good: Mapping[str, tuple[str, str]], bad: Mapping[str, Fault]) -> tuple[Condition, ...]:
    """By type: `good` gives reason and message of those that hold, `bad` what is wrong with the others."""
    made = (
        Condition(type_, "False", str(bad[type_].reason), bad[type_].message, generation)
        if type_ in bad
        else Condition(type_, "True", *good[type_], generation)
        for type_ in good.keys() | bad.keys()
    )
    return in_order(made)


def in_order(made: Iterable[Condition]) -> tuple[Condition, ...]:
    """As they are written: by type."""
    return tuple(sorted(made, key=lambda each: each.type))


def as_data(status: Struct) -> dict[str, Any]:
    """Mappings, lists, texts and numbers, with the API's names."""
    data: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(status))
    return data
