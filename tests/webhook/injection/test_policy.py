"""Whether a pod is injected, row by row of the table."""

from typing import Any

import pytest

from webhook.injection.configuration import InjectorConfig
from webhook.injection.policy import INJECT, decide

RED = ({"matchLabels": {"team": "red"}},)
EMPTY: tuple[dict[str, Any], ...] = ({},)


def is_injected(config: InjectorConfig, namespace: str = "ns", **pod: Any) -> bool:
    found = {
        "metadata": {"labels": pod.get("labels"), "annotations": pod.get("annotations")},
        "spec": pod.get("spec", {}),
    }
    return not decide(found, namespace, config).refusal


@pytest.mark.parametrize(
    ("config", "pod", "injected"),
    [
        (InjectorConfig(), {}, True),
        (InjectorConfig(), {"spec": {"hostNetwork": True}, "labels": {INJECT: "true"}}, False),
        (InjectorConfig(), {"namespace": "kube-system"}, False),
        (InjectorConfig(), {"namespace": "local-path-storage", "labels": {INJECT: "true"}}, False),
        (InjectorConfig(), {"labels": {INJECT: "false"}}, False),
        (InjectorConfig(), {"annotations": {INJECT: "false"}}, False),
        (InjectorConfig(), {"labels": {INJECT: "true"}, "annotations": {INJECT: "false"}}, True),
        (InjectorConfig("disabled"), {}, False),
        (InjectorConfig("disabled"), {"annotations": {INJECT: "true"}}, True),
        (InjectorConfig("disabled", always_inject_selector=RED), {"labels": {"team": "red"}}, True),
        (InjectorConfig(never_inject_selector=RED), {"labels": {"team": "red"}}, False),
        (InjectorConfig(never_inject_selector=RED), {"labels": {"team": "red", INJECT: "true"}}, True),
        (InjectorConfig(never_inject_selector=RED, always_inject_selector=RED), {"labels": {"team": "red"}}, False),
        (InjectorConfig(never_inject_selector=EMPTY), {}, True),
        (InjectorConfig("whatever"), {"labels": {INJECT: "true"}}, False),
    ],
)
def test_decisions(config: InjectorConfig, pod: dict[str, Any], injected: bool) -> None:
    assert is_injected(config, **pod) is injected


def test_another_value_is_warned_about_and_the_default_applies() -> None:
    decision = decide({"metadata": {"labels": {INJECT: "maybe"}}}, "ns", InjectorConfig())
    assert decision.refusal == ""
    assert decision.warnings == (f"{INJECT}: expected true or false, got 'maybe': the default applies",)
