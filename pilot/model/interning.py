"""One object for equal values, so that identity can stand for equality in the keys of `pilot.memo`.

In: a value. Out: the first equal value seen lately. Forgetting one only costs a recomputation.
"""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar, cast

V = TypeVar("V")
T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


class Interner(Generic[V]):
    """Remembers the `size` values used last, each under a key that says when two are the same."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Hashable, V] = OrderedDict()

    def same(self, key: Hashable, value: V) -> V:
        """The value remembered under `key`, else `value` from now on."""
        known = self._values.get(key)
        if known is not None:
            self._values.move_to_end(key)
            return known
        self._values[key] = value
        if len(self._values) > self._size:
            self._values.popitem(last=False)
        return value


# Keys hold the ids of what the remembered value keeps alive: an id is never reused while it is part of a key.
_TUPLES: Interner[tuple[object, ...]] = Interner(8192)  # sizes are arbitrary: parts of views alive at once
_MAPPINGS: Interner[object] = Interner(4096)


def same_tuple(items: tuple[T, ...]) -> tuple[T, ...]:
    """One tuple for tuples of the very same objects in the same order."""
    return cast(tuple[T, ...], _TUPLES.same(tuple(map(id, items)), items))


def same_mapping(mapping: Mapping[K, T]) -> Mapping[K, T]:
    """One mapping for mappings of the very same objects under equal keys in the same order."""
    return cast(Mapping[K, T], _MAPPINGS.same((tuple(mapping), tuple(map(id, mapping.values()))), mapping))
