"""Sprig's functions about numbers."""

from typing import Any

import pytest

from webhook.gotemplate import sprig
from webhook.gotemplate.errors import ExecutionError
from webhook.gotemplate.sprig.numbers import to_decimal, to_integer, wrapped
from webhook.gotemplate.template import parse_template


def render(text: str) -> str:
    return parse_template("t", text, sprig.FUNCTIONS).render({})


@pytest.mark.parametrize(
    ("text", "output"),
    [
        (
            '{{add 1 2 "3"}} {{sub 5 2}} {{mul 2 3 4}} {{div 7 2}} {{div -7 2}} {{mod -7 2}} {{add1 1}}',
            "6 3 24 3 -3 -1 2",
        ),
        ("{{max 1 5 3}} {{min 4 2}} {{biggest 1 2}} {{maxf 1.5 2}} {{minf 1.5 2}} {{addf 1.5 2}}", "5 2 2 2 1.5 3.5"),
        (
            "{{subf 5 1.5 1}} {{mulf 1.5 2}} {{divf 3 2}} {{divf 1 0}} {{divf 0 0}} {{add1f 1.5}}",
            "2.5 3 1.5 +Inf NaN 2.5",
        ),
        ("{{ceil 1.2}} {{floor 1.8}} {{round 1.2345 2}} {{round -1.5 0}}", "2 1 1.23 -2"),
        (
            '{{int "12"}} {{int64 1.9}} {{float64 "1.5"}} {{atoi "7"}} {{int "x"}} {{toDecimal "777"}}',
            "12 1 1.5 7 0 511",
        ),
        (
            "{{until 3}} {{untilStep 5 0 -2}} {{seq 3}} {{seq 2 4}} {{seq 5 -2 1}} {{seq}}",
            "[0 1 2] [5 3 1] 1 2 3 2 3 4 5 3 1 ",
        ),
    ],
)
def test_results(text: str, output: str) -> None:
    assert render(text) == output


def test_integers_wrap_as_go_does() -> None:
    assert wrapped(2**63) == -(2**63)
    assert render("{{add 9223372036854775807 1}}") == "-9223372036854775808"


def test_what_is_no_number_is_zero() -> None:
    values: tuple[Any, ...] = (None, [], float("nan"), "9" * 200)
    assert [to_integer(value) for value in values] == [0, 0, 0, 0]
    assert to_decimal("9") == 0


def test_division_by_zero_is_an_error() -> None:
    with pytest.raises(ExecutionError, match="divide by zero"):
        render("{{div 1 0}}")
