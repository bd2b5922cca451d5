"""One resource whose making fails costs no other: what came out the last time stays, and the failure is a problem.

In: functions that make something for one object. Out: the same functions, which never raise; what failed, as problems.
A failure is a bug of ours, whatever configuration brought it to light: bad configuration is data and raises nothing.
Everything else of the set, and the stream, go on.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

from pilot.memo import key_of
from pilot.model.objects import ObjectKey
from pilot.model.problem import Problem
from pilot.resources import Origin

P = ParamSpec("P")
T = TypeVar("T")

GOOD = 8192
"""Results that are remembered for the case that the next attempt fails. Arbitrary; without one there is nothing."""
FAILED = 256
"""Failures that are remembered. Arbitrary: more of them say no more."""
_FAILED: OrderedDict[tuple[object, ...], Problem] = OrderedDict()


class Isolated(Generic[P, T]):
    """A function that makes something for the object which `origin_of` tells from its arguments."""

    def __init__(
        self,
        function: Callable[P, T],
        origin_of: Callable[..., Origin],
        rest_of: Callable[..., tuple[object, ...]],
        nothing: Callable[..., Any],
    ) -> None:
        self._function = function
        self._origin_of = origin_of
        self._rest_of = rest_of
        self._nothing = nothing
        self._good: OrderedDict[tuple[object, ...], tuple[T, tuple[object, ...]]] = OrderedDict()
        update_wrapper(self, function, updated=())

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        rest = self._rest_of(*args, **kwargs)
        key = (id(self), self._origin_of(*args, **kwargs), *map(key_of, rest))
        try:
            made = self._function(*args, **kwargs)
        except Exception as error:
            _note(key, self._origin_of(*args, **kwargs), error)
            good = self._good.get(key)
            return good[0] if good is not None else self._nothing(*args, **kwargs)
        if _FAILED:
            _FAILED.pop(key, None)
        self._good[key] = (made, rest)
        self._good.move_to_end(key)
        if len(self._good) > GOOD:
            self._good.popitem(last=False)
        return made


def isolated(
    origin_of: Callable[..., Origin], rest_of: Callable[..., tuple[object, ...]], nothing: Callable[..., Any]
) -> Callable[[Callable[P, T]], Isolated[P, T]]:
    """Decorator. `origin_of`: the object; `rest_of`: what tells its results apart; `nothing`: if it never succeeded.

    All get the arguments of the function. `rest_of` must not depend on what the object says, or nothing stays.
    """

    def wrap(function: Callable[P, T]) -> Isolated[P, T]:
        return Isolated(function, origin_of, rest_of, nothing)

    return wrap


def failures() -> tuple[Problem, ...]:
    """What failed the last time that it was tried; each object once."""
    return tuple(dict.fromkeys(_FAILED.values()))


def _note(key: tuple[object, ...], origin: Origin, error: Exception) -> None:
    text = f"cannot be translated, its last good state stays: {type(error).__name__}: {error}"
    _FAILED[key] = Problem(text, ObjectKey(origin.kind, origin.namespace, origin.name))
    if len(_FAILED) > FAILED:
        _FAILED.popitem(last=False)
