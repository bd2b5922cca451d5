"""Constants of Go."""

import pytest

from webhook.gotemplate import literals


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ('"a\\n\\t\\"\\\\"', 'a\n\t"\\'),
        ('"\\x41\\101\\u00e9\\U0001F600"', "AAé😀"),
        ("`a\\n\r`", "a\\n"),
        ('"\\q"', None),
        ('"\\\'"', None),
        ('"\\400"', None),
        ('"\\ud800"', None),
    ],
)
def test_quoted_text(written: str, value: str | None) -> None:
    assert literals.unquote(written) == value


@pytest.mark.parametrize(
    ("written", "value"), [("'a'", 97), ("'\\n'", 10), ("'\\x41'", 65), ("'é'", 233), ("'ab'", None), ("'\\\"'", None)]
)
def test_characters_are_numbers(written: str, value: int | None) -> None:
    assert literals.parse_character(written) == value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1", 1), ("-12", -12), ("+3", 3), ("0x1F", 31), ("0b101", 5), ("0o17", 15), ("017", 15), ("1_000", 1000),
        ("1.5", 1.5), ("1e3", 1000.0), ("-.5", -0.5), ("0x1p4", 16.0), ("08", None), ("1__0", None), ("0x", None),
    ],
)  # fmt: skip
def test_numbers(written: str, value: float | None) -> None:
    found = literals.parse_number(written)
    assert (found, type(found)) == (value, type(value))


def test_integers_have_64_bits() -> None:
    assert literals.parse_number("9223372036854775807") == 2**63 - 1
    with pytest.raises(OverflowError):
        literals.parse_number("9223372036854775808")
