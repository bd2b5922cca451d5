import re

from pilot.analysis.codes import CODES, Level


def test_levels_are_ordered_and_named_as_people_know_them() -> None:
    assert sorted(Level) == [Level.INFO, Level.WARNING, Level.ERROR]
    assert [str(each) for each in Level] == ["Info", "Warning", "Error"]


def test_codes_and_names_are_unique() -> None:
    assert len(CODES) == len({each.name for each in CODES.values()})
    assert all(re.fullmatch(r"IST\d{4}", code) and code == each.code for code, each in CODES.items())
