"""Work for all services at once: only what is new is computed, and nothing is kept for ever."""

from dataclasses import dataclass

from pilot import memo, rows


@dataclass(frozen=True)
class Part:
    """Something immutable that a generator would be given."""

    number: int


@rows.rows(size=4)
def scaled(name: str, part: Part, factor: Part) -> tuple[str, int]:
    return name, part.number * factor.number


PARTS = [Part(number) for number in range(40)]
NAMES = [f"n{number}" for number in range(40)]
TWICE, THRICE = Part(2), Part(3)


def computed(names: list[str], parts: list[Part], factor: Part) -> int:
    before = scaled.calls
    expected = [(name, part.number * factor.number) for name, part in zip(names, parts, strict=True)]
    assert scaled((names, parts), factor) == expected
    return scaled.calls - before


def test_only_rows_that_are_new_are_computed() -> None:
    memo.clear_all()
    assert computed(NAMES, PARTS, TWICE) == 40
    assert computed(NAMES, PARTS, TWICE) == 0
    assert computed(NAMES[::-1], PARTS[::-1], TWICE) == 0, "the order does not matter"
    assert computed(NAMES, [*PARTS[:-1], Part(7)], TWICE) == 1
    assert computed(["".join(each) for each in NAMES], PARTS, TWICE) == 0, "strings count by value"


def test_other_common_arguments_are_other_rows() -> None:
    memo.clear_all()
    assert computed(NAMES, PARTS, TWICE) == 40
    assert computed(NAMES, PARTS, THRICE) == 40
    assert computed(NAMES, PARTS, TWICE) == 0


def test_no_rows_have_no_results() -> None:
    assert scaled(([], []), TWICE) == []


def test_a_result_may_be_nothing() -> None:
    @rows.rows()
    def nothing(part: Part) -> None:
        return None

    assert nothing((PARTS,)) == nothing((PARTS,)) == [None] * 40
    assert nothing.calls == 40


def test_long_work_is_done_in_pieces() -> None:
    memo.clear_all()
    pieces = list(scaled.steps((NAMES, PARTS), TWICE))
    assert len(pieces) == len(PARTS) // rows.PIECE
    assert list(scaled.steps((NAMES, PARTS), TWICE)) == []


def test_rows_nobody_asks_for_are_forgotten() -> None:
    memo.clear_all()
    assert computed(NAMES, PARTS, TWICE) == 40
    for _ in range(2 * rows.AGE + 2):
        memo.turn()
        assert computed(NAMES[:1], PARTS[:1], TWICE) == 0
    assert computed(NAMES, PARTS, TWICE) == 39


def test_tables_nobody_asks_for_are_forgotten() -> None:
    memo.clear_all()
    computed(NAMES, PARTS, TWICE)
    for _ in range(rows.AGE + 1):
        memo.turn()
    assert computed(NAMES, PARTS, TWICE) == 40


def test_few_tables_are_kept() -> None:
    memo.clear_all()
    for factor in map(Part, range(5)):
        computed(NAMES, PARTS, factor)
    assert computed(NAMES, PARTS, TWICE) == 40


def test_a_table_does_not_grow_without_bound() -> None:
    memo.clear_all()
    computed(NAMES[:1], PARTS[:1], TWICE)
    for start in range(0, rows.ROWS + 2000, 1000):
        fresh = [Part(start + number) for number in range(1000)]
        computed([str(start)] * 1000, fresh, TWICE)
    size = sum(len(each.young) + len(each.old) for each in scaled._tables.values())
    assert size <= 2 * (rows.ROWS + 2000) + 1000
