"""One object for equal values, so that identity can stand for equality in the keys of `pilot.memo`.

In: a value. Out: the first equal value seen lately. Forgetting one only costs a recomputation.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sized
from typing import Any, Generic, TypeVar, cast

V = TypeVar("V")
T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


class Interner(Generic[V]):
    """Remembers the `size` values used last, each under a key that says when two are the same.

    `weight`: what a value counts for; one, unless they differ much in size.
    """

    def __init__(self, size: int, weight: Callable[[V], int] = lambda _: 1) -> None:
        self._size = size
        self._weight = weight
        self._values: OrderedDict[Hashable, V] = OrderedDict()
        self._weighs = 0

    def find(self, key: Hashable) -> V | None:
        """The value remembered under `key`."""
        known = self._values.get(key)
        if known is not None:
            self._values.move_to_end(key)
        return known

    def same(self, key: Hashable, value: V) -> V:
        """The value remembered under `key`, else `value` from now on."""
        known = self._values.get(key)
        if known is not None:
            self._values.move_to_end(key)
            return known
        self._values[key] = value
        self._weighs += self._weight(value)
        while self._weighs > self._size and len(self._values) > 1:
            _, forgotten = self._values.popitem(last=False)
            self._weighs -= self._weight(forgotten)
        return value


def _length(value: Sized) -> int:
    return 8 + len(value)


# Keys hold the ids of what the remembered value keeps alive: an id is never reused while it is part of a key. Sizes are
# arbitrary: parts of views alive at once, some 20 MB of them at most.
_TUPLES: Interner[tuple[object, ...]] = Interner(400_000, _length)
_MAPPINGS: Interner[Mapping[Any, object]] = Interner(200_000, _length)


def same_tuple(items: tuple[T, ...]) -> tuple[T, ...]:
    """One tuple for tuples of the very same objects in the same order."""
    return cast(tuple[T, ...], _TUPLES.same(tuple(map(id, items)), items))


def same_mapping(mapping: Mapping[K, T]) -> Mapping[K, T]:
    """One mapping for mappings of the very same objects under equal keys in the same order."""
    return cast(Mapping[K, T], _MAPPINGS.same((tuple(mapping), tuple(map(id, mapping.values()))), mapping))
