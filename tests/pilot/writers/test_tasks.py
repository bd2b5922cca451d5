"""The writers wired."""

from pilot.writers.roots import Roots
from pilot.writers.tasks import Latest


def test_an_equal_value_is_the_same_object() -> None:
    text = ["a"]
    latest = Latest(lambda: Roots("".join(text)))
    first = latest()
    assert latest() is first
    text.append("b")
    assert latest() == Roots("ab")
    assert latest() is latest()
