"""DestinationRule as decoded: policies and subsets of a host. Its parts are in `traffic_policy.py`.

Pure data: the host stays as written, rules of one host are not merged here.
"""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import field

from pilot.model.objects import Message, Object
from pilot.model.selectors import WorkloadSelector
from pilot.model.traffic_policy import TrafficPolicy


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
