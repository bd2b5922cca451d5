"""Incremental computation where values replace each other: of each thing only the newest result is kept.

`pilot.memo` keeps the results used last, whatever they were made from; what changes all the time (the endpoints of a
service) would fill it with results that are never asked for again. Here a result is kept under its first argument, by
identity, and replaced when any other argument is another object. A miss only costs time, a hit cannot be wrong.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import update_wrapper
from operator import is_
from typing import Concatenate, Generic, ParamSpec, TypeVar

K = TypeVar("K")
P = ParamSpec("P")
T = TypeVar("T")


class Latest(Generic[K, P, T]):
    """A function that remembers, for each first argument, its newest result; `calls` counts real computations."""

    def __init__(self, function: Callable[Concatenate[K, P], T], size: int) -> None:
        self._function = function
        self._size = size
        self._entries: OrderedDict[int, tuple[K, tuple[object, ...], T]] = OrderedDict()
        self.calls = 0
        update_wrapper(self, function)

    def __call__(self, subject: K, *args: P.args, **kwargs: P.kwargs) -> T:
        known = self._entries.get(id(subject))
        given = (*args, *kwargs.values())
        if known is not None and len(known[1]) == len(given) and all(map(is_, known[1], given)):
            self._entries.move_to_end(id(subject))
            return known[2]
        self.calls += 1
        value = self._function(subject, *args, **kwargs)
        self._entries[id(subject)] = (subject, given, value)
        self._entries.move_to_end(id(subject))
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)
        return value

    def clear(self) -> None:
        """Forgets everything."""
        self._entries.clear()


def latest(size: int) -> Callable[[Callable[Concatenate[K, P], T]], Latest[K, P, T]]:
    """Decorator: `@latest(size=20_000)`. The function must be pure, its arguments immutable and always in one order."""
    return lambda function: Latest(function, size)
