"""What is wrong with an object, and how much it matters.

In: a place in an object and words. Out: a `Finding`; rules are functions that yield them. Decides nothing about serving
or answering: `objects.py` and whoever asks do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from pilot.model.decoding import Fault, Path, path_text
from pilot.model.problem import Severity

WOULD_REFUSE: Final = "(an API server would refuse it)"


class Weight(Enum):
    """What becomes of an object with a finding."""

    NOTED = "noted"
    """It is allowed, with a warning."""
    REFUSED = "refused"
    """An API server that asks is told to refuse it; where it is there all the same, it is served as istiod does."""
    UNSERVABLE = "unservable"
    """Refused, and not served either: it would cost other objects something."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake in an object; `path` is from the object's root."""

    path: Path
    message: str
    weight: Weight = Weight.REFUSED

    def __str__(self) -> str:
        return f"{path_text(self.path)}: {self.message}" if self.path else self.message

    @property
    def fault(self) -> Fault:
        """As whoever serves the object sees it: what is only refused is served, with a warning."""
        if self.weight is Weight.UNSERVABLE:
            return Fault(self.path, self.message)
        words = f"{self.message} {WOULD_REFUSE}" if self.weight is Weight.REFUSED else self.message
        return Fault(self.path, words, Severity.WARNING)


Findings = Iterator[Finding]


def note(path: Path, message: str) -> Finding:
    """Allowed, with a warning."""
    return Finding(path, message, Weight.NOTED)


def unservable(path: Path, message: str) -> Finding:
    """Refused, and not served."""
    return Finding(path, message, Weight.UNSERVABLE)


def refused_if(path: Path, message: str | None) -> Findings:
    """One refusal, where there is a message."""
    if message is not None:
        yield Finding(path, message)


def unservable_if(path: Path, message: str | None) -> Findings:
    """One finding of an object that cannot be served, where there is a message."""
    if message is not None:
        yield unservable(path, message)
