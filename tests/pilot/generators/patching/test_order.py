"""Places in a list."""

import pytest

from pilot.generators.patching.order import arrange
from pilot.model.envoy_filter import Operation


@pytest.mark.parametrize(
    ("operation", "name", "after", "times"),
    [
        (Operation.ADD, "b", "abbcX", 1),
        (Operation.INSERT_FIRST, "b", "Xabbc", 1),
        (Operation.INSERT_BEFORE, "b", "aXbbc", 1),
        (Operation.INSERT_AFTER, "b", "abXbc", 1),
        (Operation.INSERT_BEFORE, "", "Xabbc", 1),
        (Operation.INSERT_AFTER, "", "abbcX", 1),
        (Operation.INSERT_BEFORE, "z", "abbc", 0),
        (Operation.REPLACE, "b", "aXbc", 1),
        (Operation.REPLACE, "", "abbc", 0),
        (Operation.REMOVE, "b", "ac", 2),
        (Operation.REMOVE, "", "abbc", 0),
        (Operation.MERGE, "b", "abbc", 0),
    ],
)
def test_where_a_value_goes(operation: Operation, name: str, after: str, times: int) -> None:
    found, count = arrange("abbc", operation, "X", lambda each: not name or each == name, named=bool(name))
    assert ("".join(found), count) == (after, times)
