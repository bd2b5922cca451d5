"""Incremental computation: a function of immutable arguments is computed once for each distinct set of them.

The model replaces what changed and shares the rest, so "the same argument" is "the same object": a key is made of
strings and numbers by value and of everything else by identity. The entry keeps its arguments alive, hence an
identity is never reused while it is a key. A miss only costs time, a hit cannot be wrong.

`latest` is for values that replace each other: endpoints of a service come and go all the time and would fill a table
with results that nobody asks for again. It keeps one result for each first argument, the newest.

`sliced` is for work that is long: it can be done in pieces, between which others run. What is done for every service
of a mesh is in `rows.py`.

Whole sets of resources are large, and each change of the mesh makes new ones: a table for them is `passing`, and drops
what was not asked for since the mesh changed a few times (`turn`).
"""

from collections import OrderedDict
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import update_wrapper
from operator import is_
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
K = TypeVar("K")
Work = Generator[None, None, T]
"""A computation in pieces: each `next` does one, the last returns the value."""

_BY_VALUE = frozenset((str, bytes, int, float, bool, type(None)))


def key_of(argument: object) -> object:
    """What stands for an argument in a key, while the argument is alive."""
    if type(argument) in _BY_VALUE:
        return argument
    if type(argument) is tuple and len(argument) <= 8:
        return tuple(map(key_of, argument))
    return id(argument)


TURNS = 4
"""How many changes of the mesh an entry of a passing table outlives unused. Arbitrary: pushes overlap."""
_turn = 0


class Memoized(Generic[P, T]):
    """A memoized function; `calls` counts real computations. Holds the `size` entries used last."""

    def __init__(self, function: Callable[P, T], size: int, *, passing: bool = False) -> None:
        self._function = function
        self._size = size
        self._passing = passing
        self._entries: OrderedDict[object, tuple[T, object]] = OrderedDict()
        self._used: dict[object, int] = {}
        """Of a passing table: the turn in which each entry was used last."""
        self.calls = 0
        update_wrapper(self, function, updated=())

    def knows(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Whether a call would be answered from memory. Only for calls without keywords."""
        return tuple(map(key_of, args)) in self._entries

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        # in place for most arguments: this line runs more often than any other of the program
        key: object = tuple([each if type(each) in _BY_VALUE else key_of(each) for each in args])
        if kwargs:
            key = (key, tuple((name, key_of(value)) for name, value in sorted(kwargs.items())))
        entries = self._entries
        found = entries.get(key)
        if found is not None:
            entries.move_to_end(key)
            if self._passing:
                self._used[key] = _turn
            return found[0]
        self.calls += 1
        value = self._function(*args, **kwargs)
        self._store(key, value, (args, kwargs) if kwargs else args)
        return value

    def keep(self, value: T, *args: P.args, **kwargs: P.kwargs) -> None:
        """Remembers a value that was computed elsewhere. Only for calls without keywords."""
        self.calls += 1
        self._store(tuple(map(key_of, args)), value, args)

    def _store(self, key: object, value: T, alive: object) -> None:
        self._entries[key] = (value, alive)
        if self._passing:
            self._used[key] = _turn
        if len(self._entries) > self._size:
            forgotten, _ = self._entries.popitem(last=False)
            self._used.pop(forgotten, None)

    def drop_unused(self) -> None:
        """Of a passing table: what was not used for some turns. The entries used longest ago come first."""
        while self._used and self._used[key := next(iter(self._entries))] < _turn - TURNS:
            del self._entries[key], self._used[key]

    def clear(self) -> None:
        """Forgets everything (tests compare with generation from scratch)."""
        self._entries.clear()
        self._used.clear()


class Latest(Generic[K, P, T]):
    """A function that remembers the newest result for each first argument; `calls` counts real computations."""

    def __init__(self, function: Callable[Concatenate[K, P], T], size: int) -> None:
        self._function = function
        self._size = size
        self._entries: OrderedDict[int, tuple[K, tuple[object, ...], T]] = OrderedDict()
        self.calls = 0
        update_wrapper(self, function, updated=())

    def knows(self, subject: K, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Whether a call would be answered from memory. Only for calls without keywords."""
        known = self._entries.get(id(subject))
        return known is not None and len(known[1]) == len(args) and all(map(is_, known[1], args))

    def __call__(self, subject: K, *args: P.args, **kwargs: P.kwargs) -> T:
        key, others = id(subject), (*args, *kwargs.values())
        known = self._entries.get(key)
        if known is not None and len(known[1]) == len(others) and all(map(is_, known[1], others)):
            self._entries.move_to_end(key)
            return known[2]
        self.calls += 1
        value = self._function(subject, *args, **kwargs)
        self._store(subject, others, value)
        return value

    def last(self, subject: K) -> T | None:
        """The newest result for a subject, whatever it was made from: to make the next one from."""
        known = self._entries.get(id(subject))
        return known[2] if known is not None else None

    def keep(self, value: T, subject: K, *args: P.args, **kwargs: P.kwargs) -> None:
        """Remembers a value that was computed elsewhere. Only for calls without keywords."""
        self.calls += 1
        self._store(subject, args, value)

    def _store(self, subject: K, others: tuple[object, ...], value: T) -> None:
        self._entries[id(subject)] = (subject, others, value)
        self._entries.move_to_end(id(subject))
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forgets everything."""
        self._entries.clear()


def finish(work: Work[T]) -> T:
    """Does all that is left of some work."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]  # the type of a generator's value is not kept


@dataclass(eq=False, slots=True)
class _Begun(Generic[T]):
    """Work that several may wait for: whoever comes does the next piece."""

    work: Work[T]
    alive: object
    """The arguments: their identities are its key."""
    turn: int


class Sliced(Generic[P, T]):
    """A memoized function whose computation can be done in pieces. Who asks for the same meanwhile helps."""

    def __init__(self, function: Callable[P, Work[T]], table: Callable[[Any], Any]) -> None:
        def whole(*args: P.args, **kwargs: P.kwargs) -> T:
            return finish(function(*args, **kwargs))

        update_wrapper(whole, function)
        self._function = function
        self._table = table(whole)
        self._underway: dict[object, _Begun[T]] = {}
        update_wrapper(self, function, updated=())

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._table(*args, **kwargs)  # type: ignore[no-any-return]  # `Memoized` or `Latest` of this function

    def steps(self, *args: P.args, **kwargs: P.kwargs) -> Work[T]:
        """A call in pieces; none where the answer is known. Only for calls without keywords."""
        key = tuple(map(key_of, args))
        while not self._table.knows(*args, **kwargs):
            begun = self._underway.get(key)
            if begun is None:
                begun = self._underway[key] = _Begun(self._function(*args, **kwargs), args, _turn)
            while self._underway.get(key) is begun:
                begun.turn = _turn
                try:
                    next(begun.work)
                except StopIteration as done:
                    del self._underway[key]
                    self._table.keep(done.value, *args, **kwargs)
                    return done.value  # type: ignore[no-any-return]  # the type of a generator's value is not kept
                except BaseException:
                    del self._underway[key]
                    raise
                yield
        return self(*args, **kwargs)

    def knows(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Whether a call would be answered from memory. Only for calls without keywords."""
        return bool(self._table.knows(*args, **kwargs))

    def drop_unused(self) -> None:
        """Work that nobody went on with for some turns: all who waited for it have gone."""
        for key, begun in list(self._underway.items()):
            if begun.turn < _turn - TURNS:
                del self._underway[key]

    def clear(self) -> None:
        """Forgets what was begun; results are the table's."""
        self._underway.clear()

    def last(self, subject: object) -> T | None:
        """See `Latest.last`; None for functions that are not `latest`."""
        return self._table.last(subject) if isinstance(self._table, Latest) else None


class _Clearable(Protocol):
    def clear(self) -> None: ...


class _Passing(_Clearable, Protocol):
    def drop_unused(self) -> None: ...


_ALL: list[_Clearable] = []
_PASSING: list[_Passing] = []


def turns() -> int:
    """How often the mesh has changed."""
    return _turn


def turn() -> None:
    """The mesh changed, in more than endpoints, after it had been asked about."""
    global _turn  # noqa: PLW0603 - there is one mesh in a process, and all tables follow it
    _turn += 1
    for each in _PASSING:
        each.drop_unused()


def memoized(size: int = 4096, *, passing: bool = False) -> Callable[[Callable[P, T]], Memoized[P, T]]:
    """Decorator: `@memoized(size=20_000)`. The function must be pure and its arguments immutable."""

    def wrap(function: Callable[P, T]) -> Memoized[P, T]:
        made = Memoized(function, size, passing=passing)
        _ALL.append(made)
        if passing:
            _PASSING.append(made)
        return made

    return wrap


def latest(size: int) -> Callable[[Callable[Concatenate[K, P], T]], Latest[K, P, T]]:
    """Decorator: `@latest(size=20_000)`, of a pure function of immutable arguments, compared by identity.

    The first argument says what the result is about; name the others always in one way.
    """

    def wrap(function: Callable[Concatenate[K, P], T]) -> Latest[K, P, T]:
        made = Latest(function, size)
        _ALL.append(made)
        return made

    return wrap


@dataclass(frozen=True, slots=True)
class sliced:  # noqa: N801 - a decorator
    """Decorator: `@sliced(memoized(size=1024))`, of a pure generator function that returns its result."""

    table: Callable[[Any], Any]

    def __call__(self, function: Callable[P, Work[T]]) -> Sliced[P, T]:
        made = Sliced(function, self.table)
        follow(made)
        return made


def follow(table: _Passing) -> None:
    """A table of another module: it is cleared with all others, and looked through at each turn."""
    _ALL.append(table)
    _PASSING.append(table)


def clear_all() -> None:
    """Forgets every memoized value of the process."""
    for each in _ALL:
        each.clear()
