"""How objects select workloads and namespaces by their labels. Pure data with one predicate."""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import field

from pilot.model.objects import Message


class WorkloadLabels(Message, frozen=True):
    """Istio's networking `WorkloadSelector` (ServiceEntry, Sidecar): equal labels."""

    labels: Mapping[str, str] = field(default_factory=dict)


class WorkloadSelector(Message, frozen=True):
    """Istio's `type` `WorkloadSelector` (DestinationRule, security): equal labels."""

    match_labels: Mapping[str, str] = field(default_factory=dict)


class SelectorOperator(StrEnum):
    """Kubernetes' set operators."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class LabelSelectorRequirement(Message, frozen=True):
    """One set condition."""

    key: str = ""
    operator: SelectorOperator = SelectorOperator.IN
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels satisfy it; as in Kubernetes, NotIn holds for an absent label."""
        match self.operator:
            case SelectorOperator.IN:
                return self.key in labels and labels[self.key] in self.values
            case SelectorOperator.NOT_IN:
                return self.key not in labels or labels[self.key] not in self.values
            case SelectorOperator.EXISTS:
                return self.key in labels
            case SelectorOperator.DOES_NOT_EXIST:
                return self.key not in labels


class LabelSelector(Message, frozen=True):
    """Kubernetes' label selector: all conditions hold; without any it selects everything."""

    match_labels: Mapping[str, str] = field(default_factory=dict)
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels satisfy all of it."""
        return all(labels.get(key) == value for key, value in self.match_labels.items()) and all(
            each.matches(labels) for each in self.match_expressions
        )
