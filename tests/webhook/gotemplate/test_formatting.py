"""Printing as Go does."""

from typing import Any

import pytest

from webhook.gotemplate.errors import LimitError
from webhook.gotemplate.formatting import format_float, quote, sprint, sprintf, to_syntax, to_text
from webhook.gotemplate.values import Enumerated


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (15020.0, "15020"), (1e6, "1e+06"), (1234567.0, "1.234567e+06"), (123456.0, "123456"), (0.0001, "0.0001"),
        (0.00001, "1e-05"), (1.5, "1.5"), (1e21, "1e+21"), (-2.5, "-2.5"), (0.0, "0"), (float("inf"), "+Inf"),
        (float("nan"), "NaN"), (123456789.0, "1.23456789e+08"),
    ],
)  # fmt: skip
def test_floats(number: float, text: str) -> None:
    assert to_text(number) == text


def test_floats_with_a_verb_and_a_precision() -> None:
    assert format_float(1502.0, "e", 2) == "1.50e+03"
    assert format_float(1e6, "f") == "1000000"
    assert format_float(0.001, "f") == "0.001"
    assert format_float(1234567.0, "g", 3) == "1.23e+06"
    assert format_float(1e-10, "G") == "1E-10"


def test_values_in_values() -> None:
    assert to_text({"b": [1, None, True], "a": {"x": "y"}}) == "map[a:map[x:y] b:[1 <nil> true]]"
    assert to_text(Enumerated(1, "TPROXY")) == "TPROXY"


def test_operands_have_a_space_between_them_unless_one_is_text() -> None:
    assert sprint([1, 2, "a", "b", 3, 4]) == "1 2a b3 4".replace("a b", "ab")
    assert sprint([None]) == "<nil>"


@pytest.mark.parametrize(
    ("template", "arguments", "text"),
    [
        ("%v|%s|%d|%t|%q", [1, "a", 2, True, 'b"'], '1|a|2|true|"b\\""'),
        ("%5d|%-5d|%05d|%+d|% d", [42, 42, 42, 42, 42], "   42|42   |00042|+42| 42"),
        ("%x|%X|%#x|%o|%b|%c|%U", [255, 255, 255, 8, 5, 65, 65], "ff|FF|0xff|10|101|A|U+0041"),
        ("%6.2f|%.3s|%10s|%-10s|", [3.14159, "abcdef", "x", "y"], "  3.14|abc|         x|y         |"),
        ("%d", ["a"], "%!d(string=a)"),
        ("%s", [5], "%!s(int=5)"),
        ("%d %d", [1], "1 %!d(MISSING)"),
        ("%d", [1, "b"], "1%!(EXTRA string=b)"),
        ("%z", [1], "%!z(int=1)"),
        ("100%%", [], "100%"),
        ("%", [], "%!(NOVERB)"),
        ("%T %T", [1, None], "int <nil>"),
        ("%*d", [5, 42], "   42"),
        ("%v", [[1, 2]], "[1 2]"),
        ("%d", [[1, None]], "[1 <nil>]"),
        ("%s", [["a", "b"]], "[a b]"),
        ("%q", [["a", "b"]], '["a" "b"]'),
        ("%#v", [{"a": ["x", 1]}], 'map[string]interface {}{"a":[]interface {}{"x", 1}}'),
        ("%x", ["hi"], "6869"),
        ("%t", [1], "%!t(int=1)"),
        ("%q", [120], "'x'"),
        ("%08.3f", [-3.14159], "-003.142"),
    ],
)
def test_printf(template: str, arguments: list[Any], text: str) -> None:
    assert sprintf(template, arguments) == text


def test_quoting() -> None:
    assert quote('a"\\\n\x01é\u200b') == '"a\\"\\\\\\n\\x01é\\u200b"'
    assert quote("\udcff") == '"\\xff"'
    assert quote("é", ascii_only=True) == '"\\u00e9"'


def test_syntax() -> None:
    assert to_syntax(None) == "interface {}(nil)"
    assert to_syntax(1.5) == "1.5"


def test_a_width_that_is_a_bomb_is_refused() -> None:
    with pytest.raises(LimitError):
        sprintf("%1000000000d", [1])
    with pytest.raises(LimitError):
        sprintf("%99999d" * 20, [1] * 20)
