"""What an explanation says.

In: what was found on the way of a request. Out: `Explanation`s, as data for JSON. Finds nothing itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pilot.resources import Origin


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a request."""

    what: str
    """`listener`, `filter chain`, `route`, `cluster`, `endpoints`, `server: policy` ..."""
    name: str
    notes: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    """The configuration that made it: `Kind namespace/name`."""


@dataclass(slots=True)
class Explanation:
    """The way of a request, and its end."""

    proxy: str
    request: str
    steps: list[Step] = field(default_factory=list)
    outcome: str = ""
    allowed: bool = False
    """Somebody answers who was meant to."""

    def step(self, what: str, name: str, notes: Iterable[str] = (), origins: Iterable[Origin] = ()) -> None:
        """One step more."""
        objects = tuple(dict.fromkeys(str(each) for each in origins))
        self.steps.append(Step(what, name, tuple(each for each in notes if each), objects))

    def end(self, outcome: str, *, allowed: bool = False) -> "Explanation":
        """The end of the way."""
        self.outcome, self.allowed = outcome, allowed
        return self

    def as_data(self) -> Mapping[str, Any]:
        """For JSON."""
        steps = [
            {"step": each.what, "name": each.name, "objects": list(each.objects), "notes": list(each.notes)}
            for each in self.steps
        ]
        return {
            "proxy": self.proxy,
            "request": self.request,
            "steps": steps,
            "outcome": self.outcome,
            "allowed": self.allowed,
        }
