"""Label selectors of Kubernetes.

Comes in: a selector as data, and labels. Goes out: whether it selects them.
"""

from collections.abc import Mapping
from typing import Any


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether all of its requirements hold; an empty selector selects everything. Raises: ValueError if malformed."""
    wanted = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_holds(each, labels) for each in selector.get("matchExpressions") or [])


def is_empty(selector: Mapping[str, Any]) -> bool:
    """Whether it asks for nothing."""
    return not selector.get("matchLabels") and not selector.get("matchExpressions")


def _holds(requirement: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = requirement.get("key"), requirement.get("values") or []
    match requirement.get("operator"):
        case "In":
            return labels.get(str(key)) in values
        case "NotIn":
            return labels.get(str(key)) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case other:
            raise ValueError(f"{other!r} is no operator of a label selector")
