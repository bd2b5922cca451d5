"""Texts of settings become values."""

import pytest

from pilot.environment import Table, parse_bool, parse_list, read


@pytest.mark.parametrize(("text", "value"), [("1", True), ("T", True), ("False", False), ("0", False)])
def test_truth(text: str, value: bool) -> None:
    assert parse_bool(text) is value


def test_what_is_no_truth_is_told() -> None:
    with pytest.raises(ValueError, match="expected true or false, got 'yes'"):
        parse_bool("yes")


def test_lists_are_comma_separated() -> None:
    assert parse_list(" a, ,b ") == ("a", "b")


def test_an_unreadable_variable_is_a_warning_and_stays_the_default() -> None:
    warnings: list[str] = []
    table: Table = {"A": ("a", parse_bool), "B": ("b", int), "C": ("c", int)}
    assert read(table, {"A": "true", "B": "x", "C": ""}, warnings) == {"a": True}
    assert len(warnings) == 1
    assert "environment variable B" in warnings[0]
