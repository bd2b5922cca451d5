"""Where a patch puts something in an ordered list: before, after, first, last, instead of, or away.

In: the list, what the patch means, its value. Out: the list as it is afterwards, and how often something was done.
The same for network filters, HTTP filters, listener filters and routes. Source: xDS behaviour 7.1 (table).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pilot.model.envoy_filter import Operation

_AT_THE_ENDS: Final[Mapping[Operation, Operation]] = {
    Operation.INSERT_BEFORE: Operation.INSERT_FIRST,
    Operation.INSERT_AFTER: Operation.ADD,
}


def arrange(
    items: Sequence[Any], operation: Operation, value: Any, is_meant: Callable[[Any], bool], *, named: bool
) -> tuple[list[Any], int]:
    """The list after an operation, and how often it was applied.

    `is_meant` says whether an item is the one that the patch names. Only the first such item counts, but all of them
    are removed. Where it names none (`named` False), BEFORE is first and AFTER is last; REPLACE and REMOVE need a name.
    """
    if not named:
        operation = _AT_THE_ENDS.get(operation, operation)
    match operation:
        case Operation.ADD:
            return [*items, value], 1
        case Operation.INSERT_FIRST:
            return [value, *items], 1
        case Operation.INSERT_BEFORE | Operation.INSERT_AFTER | Operation.REPLACE if named:
            place = next((index for index, each in enumerate(items) if is_meant(each)), None)
            if place is None:
                return list(items), 0
            start = place + 1 if operation is Operation.INSERT_AFTER else place
            end = place + 1 if operation is Operation.REPLACE else start
            return [*items[:start], value, *items[end:]], 1
        case Operation.REMOVE if named:
            kept = [each for each in items if not is_meant(each)]
            return kept, len(items) - len(kept)
        case _:
            return list(items), 0
