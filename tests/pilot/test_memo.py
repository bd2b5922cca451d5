"""Memoization by identity: equal work is done once, and never for the wrong argument."""

from dataclasses import dataclass
from enum import Enum

import pytest

from pilot.memo import TURNS, Work, clear_all, finish, latest, memoized, sliced, turn


@dataclass(frozen=True)
class Part:
    """Something immutable that a generator would be given."""

    number: int


class Colour(Enum):
    """A value that counts by value."""

    RED = "red"


def test_same_object_is_computed_once() -> None:
    @memoized()
    def double(part: Part) -> int:
        return part.number * 2

    part = Part(4)
    assert [double(part), double(part), double(part)] == [8, 8, 8]
    assert double.calls == 1


def test_equal_objects_are_different_arguments() -> None:
    @memoized()
    def itself(part: Part) -> Part:
        return part

    first, second = Part(1), Part(1)
    assert itself(first) is first
    assert itself(second) is second
    assert itself.calls == 2


def test_plain_values_count_by_value_also_within_tuples() -> None:
    @memoized()
    def text(*parts: object) -> str:
        return repr(parts)

    part = Part(1)
    for _ in range(2):
        text("ab", 2, Colour.RED, None, ("x", (part, 7)))
    assert text.calls == 1
    text("ab", 3, Colour.RED, None, ("x", (part, 7)))
    assert text.calls == 2


def test_keyword_arguments_are_arguments() -> None:
    @memoized()
    def shift(number: int, *, by: int = 0) -> int:
        return number + by

    assert (shift(1), shift(1, by=2), shift(1, by=3), shift(1, by=2)) == (1, 3, 4, 3)
    assert shift.calls == 3


def test_arguments_are_kept_so_that_an_identity_is_never_used_again() -> None:
    @memoized(size=10_000)
    def number(part: Part) -> int:
        return part.number

    assert [number(Part(i)) for i in range(1000)] == list(range(1000))


def test_least_recently_used_entry_is_forgotten_first() -> None:
    @memoized(size=2)
    def itself(text: str) -> str:
        return text

    for text in ("a", "b", "a", "c", "a", "b"):
        itself(text)
    assert itself.calls == 4  # a, b, c, and b again: c pushed it out, a had been used since


def test_result_none_is_remembered_too() -> None:
    @memoized()
    def nothing(text: str) -> None:
        return None

    nothing("a")
    nothing("a")
    assert nothing.calls == 1


def test_everything_can_be_forgotten() -> None:
    @memoized()
    def itself(text: str) -> str:
        return text

    itself("a")
    clear_all()
    itself("a")
    assert itself.calls == 2


def test_memoized_function_keeps_its_name_and_documentation() -> None:
    @memoized()
    def described() -> None:
        """What it does."""

    assert (described.__name__, described.__doc__) == ("described", "What it does.")  # type: ignore[attr-defined]


def test_latest_keeps_one_result_for_each_subject() -> None:
    @latest(size=10)
    def total(part: Part, more: Part) -> int:
        return part.number + more.number

    one, two, more, other = Part(1), Part(2), Part(10), Part(20)
    assert [total(one, more), total(two, more), total(one, more), total(two, more)] == [11, 12, 11, 12]
    assert total.calls == 2

    assert total(one, other) == 21
    assert total(one, more) == 11, "the newest result replaced the one before"
    assert total.calls == 4


def test_latest_forgets_the_subject_used_longest_ago() -> None:
    @latest(size=2)
    def number(part: Part) -> int:
        return part.number

    one, two, three = Part(1), Part(2), Part(3)
    for part in (one, two, one, three, one):
        number(part)
    assert number.calls == 3
    number(two)
    assert number.calls == 4


def test_latest_is_forgotten_with_everything_else() -> None:
    @latest(size=2)
    def number(part: Part) -> int:
        return part.number

    one = Part(1)
    number(one)
    clear_all()
    number(one)
    assert number.calls == 2


def test_passing_table_drops_what_was_not_used_for_some_turns() -> None:
    @memoized(passing=True)
    def itself(part: Part) -> Part:
        return part

    kept, left = Part(1), Part(2)
    itself(left)
    for _ in range(TURNS + 2):
        itself(kept)
        turn()
    assert (itself.knows(kept), itself.knows(left)) == (True, False)
    assert itself.calls == 2


def test_lasting_table_keeps_what_was_not_used() -> None:
    @memoized()
    def itself(part: Part) -> Part:
        return part

    part = Part(1)
    itself(part)
    for _ in range(TURNS + 2):
        turn()
    assert itself.knows(part)


def test_knowing_is_asked_without_computing() -> None:
    @latest(size=10)
    def total(part: Part, more: Part) -> int:
        return part.number + more.number

    one, more = Part(1), Part(10)
    assert not total.knows(one, more)
    total(one, more)
    assert total.knows(one, more)
    assert not total.knows(one, Part(10))
    assert total.calls == 1


def test_sliced_work_is_done_in_pieces_and_remembered() -> None:
    @sliced(memoized())
    def total(part: Part) -> Work[int]:
        found = 0
        for number in range(part.number):
            found += number
            yield
        return found

    three = Part(3)
    work = total.steps(three)
    assert [next(work), next(work)] == [None, None]
    assert finish(work) == 3
    assert list(total.steps(three)) == [], "it is known: there is nothing left to do"
    assert total(three) == 3
    assert total(Part(4)) == 6, "it can be done at once as well"


def test_sliced_work_is_shared_by_all_who_ask_meanwhile() -> None:
    begun = []

    @sliced(memoized())
    def number(part: Part) -> Work[int]:
        begun.append(part)
        yield
        yield
        return part.number

    one = Part(1)
    first, second = number.steps(one), number.steps(one)
    assert [next(first), next(second)] == [None, None], "a piece each"
    assert (finish(first), finish(second), len(begun)) == (1, 1, 1)


def test_sliced_work_that_fails_fails_for_each_who_asks() -> None:
    @sliced(memoized())
    def broken(part: Part) -> Work[int]:
        yield
        raise ValueError(str(part.number))

    one = Part(1)
    first, second = broken.steps(one), broken.steps(one)
    next(first)
    for each in (first, second):
        with pytest.raises(ValueError, match="1"):
            finish(each)


def test_sliced_work_that_is_given_up_is_gone_after_some_turns() -> None:
    begun = []

    @sliced(memoized())
    def number(part: Part) -> Work[int]:
        begun.append(part)
        yield
        return part.number

    one = Part(1)
    next(number.steps(one))
    for _ in range(TURNS + 1):
        turn()
    assert (finish(number.steps(one)), len(begun)) == (1, 2)
