"""Names of cipher suites."""

import pytest

from pilot.model.ciphers import is_cipher


@pytest.mark.parametrize("text", ["AES128-SHA", "ALL", "-AES128-SHA", "!ALL", "[AES128-SHA|AES256-SHA]"])
def test_suites_and_what_is_made_of_them_are_known(text: str) -> None:
    assert is_cipher(text)


@pytest.mark.parametrize("text", ["", "ROT13", "-ROT13", "[AES128-SHA|ROT13]", "[]", "ALL:AES128-SHA", "--ALL"])
def test_other_names_are_not(text: str) -> None:
    assert not is_cipher(text)
