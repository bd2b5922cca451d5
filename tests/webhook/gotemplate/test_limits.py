"""Values that are too large are refused before anybody walks them."""

import pytest

from webhook.gotemplate.errors import LimitError
from webhook.gotemplate.limits import DEEPEST_VALUE, LARGEST_VALUE, check_size, check_weight


def test_ordinary_values_pass() -> None:
    check_size(LARGEST_VALUE)
    check_weight({"a": [1, "b", {"c": None}]}, "text")


def test_a_value_that_holds_itself_many_times_weighs_as_much_as_its_print() -> None:
    value: list[object] = ["x"]
    for _ in range(40):
        value = [value, value]
    with pytest.raises(LimitError):
        check_weight(value)


def test_depth_is_limited() -> None:
    value: list[object] = []
    for _ in range(DEEPEST_VALUE + 2):
        value = [value]
    with pytest.raises(LimitError, match="levels"):
        check_weight(value)


def test_long_text_is_too_much() -> None:
    with pytest.raises(LimitError):
        check_size(LARGEST_VALUE + 1)
    with pytest.raises(LimitError):
        check_weight("x" * LARGEST_VALUE)
