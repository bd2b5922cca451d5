"""What is wrong with a piece of configuration: data that travels beside the value, never an exception.

Made by sources and by the model; shown in logs, on the debug page and by the commands.
"""

from dataclasses import dataclass
from enum import Enum

from pilot.model.objects import ObjectKey


class Severity(Enum):
    """ERROR: the object, or the part that is named, is not served as written. WARNING: it is, but look at it."""

    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. `str()` is one line for a person; `line` counts from 1, 0 means not known."""

    message: str
    """Lower case, with what was expected and what was there."""
    key: ObjectKey | None = None
    file: str = ""
    line: int = 0
    field: str = ""
    """Path in the object, `spec.http[0].match[1].uri`."""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.file and self.line else self.file
        parts = [part for part in (place, str(self.key) if self.key else "", self.field) if part]
        return ": ".join([*parts, self.message])
