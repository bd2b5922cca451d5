"""DestinationRule as decoded: policies and subsets of a host. Its parts are in `traffic_policy.py`.

Pure data: the host stays as written; `destination_rules.py` merges rules of one host into a `MergedRule`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import ClassVar

from msgspec import field

from pilot.model.objects import Message, Object
from pilot.model.selectors import WorkloadSelector
from pilot.model.traffic_policy import TrafficPolicy
from pilot.resources import Origin


class Subset(Message, frozen=True):
    """Endpoints of a host with these labels, under a name that routes use."""

    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    traffic_policy: TrafficPolicy | None = None


class DestinationRuleSpec(Message, frozen=True):
    """`spec` of a DestinationRule."""

    host: str = ""
    traffic_policy: TrafficPolicy | None = None
    subsets: tuple[Subset, ...] = ()
    export_to: tuple[str, ...] = ()
    workload_selector: WorkloadSelector | None = None


class DestinationRule(Object, frozen=True):
    """networking.istio.io DestinationRule."""

    KIND: ClassVar[str] = "DestinationRule"

    spec: DestinationRuleSpec = DestinationRuleSpec()


@dataclass(frozen=True, slots=True)
class MergedRule:
    """What one or more rules of a namespace say together about a host. Source: xDS behaviour 3.5."""

    origin: Origin
    """The first of them: it names the policy in metadata."""
    host: str
    """Full name or wildcard."""
    traffic_policy: TrafficPolicy | None = None
    subsets: tuple[Subset, ...] = ()
    """Unique names."""
    workload_selector: Mapping[str, str] = dataclass_field(default_factory=dict)
    """Empty: for every workload."""
    export_to: frozenset[str] = frozenset()
    """As written, the mesh default where it says nothing; `.` already means `.`."""
    origins: tuple[Origin, ...] = ()
    """All of them, the first included."""
