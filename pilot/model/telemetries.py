"""Telemetry objects, found by workload.

In: decoded Telemetries. Out: the ones that hold for a workload, in the order in which they override each other.
What they come to together is worked out by `observation.py`. Source: xDS behaviour 7.0, 7.3.
"""

from dataclasses import dataclass

from pilot.memo import memoized
from pilot.model.objects import ObjectKey
from pilot.model.policy_attachment import Attachment, Policies, WorkloadPlace
from pilot.model.problem import Problem
from pilot.model.telemetry import Telemetry, TelemetrySpec


@dataclass(frozen=True, slots=True)
class CheckedTelemetry:
    """A Telemetry with its place."""

    key: ObjectKey
    created: str
    attachment: Attachment
    spec: TelemetrySpec
    problems: tuple[Problem, ...] = ()


@memoized(size=8192)
def check(declared: Telemetry) -> CheckedTelemetry:
    """The Telemetry with its place; the same object for the same one."""
    return CheckedTelemetry(
        declared.key, declared.created, Attachment.of(declared.namespace, declared.spec), declared.spec
    )


def select(declared: Policies[CheckedTelemetry], root: str, place: WorkloadPlace) -> tuple[CheckedTelemetry, ...]:
    """Those that hold for a workload, later ones override.

    The oldest without a selector of the root namespace, then of its own, for waypoints too; then all of its own
    namespace that select or target it (for waypoints, those of others that target it too).
    """
    found = declared.of(root, place)
    chosen: list[CheckedTelemetry] = []
    for namespace in dict.fromkeys((root, place.namespace)):
        here = declared.namespaces.get(namespace)
        chosen += [each for _, each in here.general[:1]] if here is not None else []
    near = (each for each in found if each.key.namespace == place.namespace or place.is_waypoint)
    return (*chosen, *(each for each in near if not _is_general(each)))


def _is_general(checked: CheckedTelemetry) -> bool:
    return not checked.attachment.selector and not checked.attachment.targets
