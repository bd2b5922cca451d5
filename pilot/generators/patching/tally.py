"""What patches did to one resource: how often each was applied, and what went wrong.

In: applications, as they happen. Out: the resource after them with that account, as data. Summed up on demand in
`report.py`: while resources are generated it costs a number.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, ParamSpec

from pilot.generators.isolation import Isolated, isolated
from pilot.generators.patching.plan import Fault, Plan, Step
from pilot.resources import Origin, Resource

P = ParamSpec("P")
_NOBODY: Final = Origin("EnvoyFilter", "", "")


@dataclass(slots=True)
class Tally:
    """An account that is being written."""

    applied: dict[int, int] = field(default_factory=dict)
    """By number of the patch."""
    faults: dict[Fault, None] = field(default_factory=dict)

    def count(self, step: Step) -> None:
        """The patch was applied once."""
        self.applied[step.number] = self.applied.get(step.number, 0) + 1

    def fail(self, step: Step, message: str) -> None:
        """The patch should have been applied, and could not."""
        self.faults[Fault(step.number, message)] = None


@dataclass(frozen=True, slots=True, eq=False)
class Patched:
    """A resource after all patches."""

    resource: Resource | None
    """None: a patch removed it."""
    applied: tuple[tuple[int, int], ...] = ()
    """Numbers of patches, and how often each was applied."""
    faults: tuple[Fault, ...] = ()

    @classmethod
    def of(cls, resource: Resource | None, tally: Tally) -> "Patched":
        """The result with its account."""
        return cls(resource, tuple(tally.applied.items()), tuple(tally.faults))


def unharmed(function: Callable[P, Patched]) -> Isolated[P, Patched]:
    """Decorator of what patches a resource, its first argument: where that fails, the resource stays as it was.

    A failure is a bug of ours; it is a problem of the first EnvoyFilter of the plan, and of nothing else.
    """
    return isolated(_first_filter, lambda made, *rest: (made,), lambda made, *rest: Patched(made))(function)


def _first_filter(*args: object) -> Origin:
    plan = next((each for each in args if isinstance(each, Plan) and each.patches), None)
    return plan.patches[0].origin if plan is not None else _NOBODY
