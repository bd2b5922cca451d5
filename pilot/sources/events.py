"""What a source says: which objects changed, and what is wrong with the configuration now.

Every source, whatever it reads, yields batches; the first one says that the listing is complete.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from pilot.model.objects import Event, ObjectKey
from pilot.model.problem import Problem

__all__ = ["Batch", "Event"]


Place = tuple[str, int]
"""A file and a line."""


def _nowhere(_: ObjectKey) -> Place | None:
    return None


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes that belong together: apply all of `events`, then push once."""

    events: tuple[Event, ...]
    problems: tuple[Problem, ...] = ()
    """All that stand now, not only those of this batch."""
    fresh: tuple[Problem, ...] = ()
    """Those of `problems` that the batch before did not have: worth a line in the log."""
    listed: bool = False
    """True in the first batch: with it everything that exists has been said (LISTED)."""
    place: Callable[[ObjectKey], Place | None] = field(default=_nowhere, compare=False)
    """Where an object was declared, as far as the source has read by the time of the question."""
