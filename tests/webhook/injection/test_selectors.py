"""Label selectors."""

from typing import Any

import pytest

from webhook.injection.selectors import is_empty, matches

LABELS = {"app": "a", "tier": "web"}


@pytest.mark.parametrize(
    ("selector", "selects"),
    [
        ({}, True),
        ({"matchLabels": {"app": "a"}}, True),
        ({"matchLabels": {"app": "b"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["a", "b"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["a"]}]}, False),
        ({"matchExpressions": [{"key": "x", "operator": "NotIn", "values": ["a"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
        ({"matchLabels": {"app": "a"}, "matchExpressions": [{"key": "x", "operator": "Exists"}]}, False),
    ],
)
def test_requirements_hold_together(selector: dict[str, Any], selects: bool) -> None:
    assert matches(selector, LABELS) is selects


def test_an_unknown_operator_is_an_error() -> None:
    with pytest.raises(ValueError, match="no operator"):
        matches({"matchExpressions": [{"key": "x", "operator": "Near"}]}, LABELS)


def test_empty_selectors_are_known() -> None:
    assert is_empty({"matchLabels": {}})
    assert not is_empty({"matchExpressions": [{"key": "x", "operator": "Exists"}]})
