"""Memoization for what is done for every service of a mesh: one call answers for all of them.

In: columns of values, of one length, and arguments that all rows have in common. Out: a list of results, by row. What
is known already costs a look-up in C instead of a call: a change of one service costs little more than that service.

Values count as in `memo.py`: strings by value, all else by identity. What nobody asked for in a while is forgotten.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import update_wrapper
from operator import itemgetter
from typing import Generic, TypeVar

from pilot import memo
from pilot.memo import Work, finish, key_of

T = TypeVar("T")

PIECE = 16
"""Rows that are computed in one piece. Arbitrary: a fraction of a millisecond."""
ROWS = 16_384
"""Rows remembered for each set of common arguments, besides twice as many as were asked for at once. Arbitrary."""
AGE = 64
"""Turns after which rows that were not asked for in as many are forgotten. Arbitrary."""


class _Table(Generic[T]):
    """What is known of rows: those asked for lately, and those of a while before."""

    def __init__(self, common: tuple[object, ...]) -> None:
        self.common = common
        self.young: dict[object, tuple[T, list[object]]] = {}
        self.old: dict[object, tuple[T, list[object]]] = {}
        self.used = self.since = memo.turns()

    def age(self) -> None:
        """What is not asked for from now on goes with the next call."""
        self.old, self.young, self.since = self.young, {}, memo.turns()


class Rows(Generic[T]):
    """A function of some values and common arguments, applied to many rows of values at once.

    `calls` counts real computations. Values that are not strings count by identity.
    """

    def __init__(self, function: Callable[..., T], size: int) -> None:
        self._function = function
        self._size = size
        self._tables: OrderedDict[object, _Table[T]] = OrderedDict()
        self.calls = 0
        update_wrapper(self, function, updated=())

    def __call__(self, columns: Sequence[Sequence[object]], *common: object) -> list[T]:
        """The results for rows of these columns, which are of one length."""
        return finish(self.steps(columns, *common))

    def steps(self, columns: Sequence[Sequence[object]], *common: object) -> Work[list[T]]:
        """The same, in pieces."""
        table = self._table(common)
        # identities and comparisons are taken in C: this runs for all services of the mesh after each change
        keyed = [each if each and type(each[0]) is str else map(id, each) for each in columns]
        keys: list[object] = list(zip(*keyed, strict=True))
        found = list(map(table.young.get, keys))
        if None in found:
            computed = self.calls
            for position in [position for position, each in enumerate(found) if each is None]:
                found[position] = self._entry(table, keys[position], position, columns)
                if self.calls - computed >= PIECE:
                    computed = self.calls
                    yield
            if len(table.young) > ROWS + 2 * len(keys):
                table.age()
        return list(map(itemgetter(0), found))  # type: ignore[arg-type]  # nothing is missing any more

    def _entry(
        self, table: _Table[T], key: object, position: int, columns: Sequence[Sequence[object]]
    ) -> tuple[T, list[object]]:
        entry = table.young.get(key) or table.old.get(key)
        if entry is None:
            row = [each[position] for each in columns]
            self.calls += 1
            entry = (self._function(*row, *table.common), row)
        table.young[key] = entry
        return entry

    def _table(self, common: tuple[object, ...]) -> _Table[T]:
        key = tuple(map(key_of, common))
        table = self._tables.get(key)
        if table is None:
            table = self._tables[key] = _Table(common)
            if len(self._tables) > self._size:
                self._tables.popitem(last=False)
        self._tables.move_to_end(key)
        table.used = memo.turns()
        return table

    def drop_unused(self) -> None:
        """What was not used for some turns. The tables used longest ago come first."""
        while self._tables and next(iter(self._tables.values())).used < memo.turns() - AGE:
            self._tables.popitem(last=False)
        for each in self._tables.values():
            if each.since < memo.turns() - AGE:
                each.age()

    def clear(self) -> None:
        """Forgets everything."""
        self._tables.clear()


def rows(size: int = 256) -> Callable[[Callable[..., T]], Rows[T]]:
    """Decorator: `@rows()`, of a pure function of immutable arguments: first those of a row, then the common ones.

    `size`: how many sets of common arguments are remembered.
    """

    def wrap(function: Callable[..., T]) -> Rows[T]:
        made = Rows(function, size)
        memo.follow(made)
        return made

    return wrap
