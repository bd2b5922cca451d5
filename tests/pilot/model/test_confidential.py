"""Nothing prints a confidential value."""

import pytest

from pilot.model.confidential import Confidential, Encoded


def test_a_value_prints_redacted_and_can_be_revealed() -> None:
    value = Encoded.parse("aGVsbG8=")
    assert value.reveal() == b"hello"
    assert {repr(value), str(value), f"{value}", f"{value!r:>3}"} == {"<redacted>"}
    assert "hello" not in repr([value])


def test_values_compare_by_what_they_are() -> None:
    assert Confidential(b"a") == Encoded.parse("YQ==")
    assert Confidential(b"a") != Confidential(b"b")
    assert Confidential(b"a") != b"a"
    assert len({Confidential(b"a"), Confidential(b"a")}) == 1
    assert not Confidential.parse("")


def test_what_is_no_base64_is_not_shown() -> None:
    with pytest.raises(ValueError, match=r"^expected base64$") as caught:
        Encoded.parse("private!")
    assert caught.value.__cause__ is None
