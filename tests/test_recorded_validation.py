"""Verdicts on objects equal those that a real istiod gave: allowed or refused, and how many warnings.

Comes in: recorded cases. Goes out: one test for each. Messages are our own.
"""

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from pilot.admission import judge
from pilot.sources.yaml_text import parse_yaml
from tests.shared import shared_path

pytestmark = pytest.mark.shared


def recorded() -> Mapping[str, Any]:
    text = shared_path("aux", "validate", "expected.yaml").read_text()
    verdicts: Mapping[str, Any] = yaml.load(text, yaml.CSafeLoader)
    return verdicts


def test_every_recorded_verdict_is_ours() -> None:
    verdicts = recorded()
    assert len(verdicts) >= 285
    different = []
    for name, expected in verdicts.items():
        value = parse_yaml(shared_path("aux", "validate", "cases", f"{name}.yaml").read_text()).value
        assert isinstance(value, dict)
        verdict = judge(value)
        if (verdict.allowed, len(verdict.warnings)) != (expected["allowed"], len(expected["warnings"] or ())):
            different.append((name, expected["message"], verdict))
        assert verdict.allowed or verdict.message, name
    assert different == []
