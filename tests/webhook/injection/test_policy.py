"""Whether a pod is injected, row by row of the table."""

from typing import Any

import pytest
import yaml

from tests.shared import shared_path
from webhook.injection import selectors
from webhook.injection.configuration import InjectorConfig, parse_config
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


def selects(webhook: dict[str, Any], namespace: dict[str, str], labels: dict[str, str]) -> bool:
    """What the API server asks before it asks us."""
    return selectors.matches(webhook.get("namespaceSelector") or {}, namespace) and selectors.matches(
        webhook.get("objectSelector") or {}, labels
    )


@pytest.mark.shared
def test_decisions_are_those_recorded_end_to_end() -> None:
    root = shared_path("aux", "inject-decision")
    rows = yaml.safe_load((root / "decisions.yaml").read_text())
    installed = {
        path.stem: list(yaml.safe_load_all(path.read_text())) for path in root.glob("webhook-configurations/*.yaml")
    }
    assert len(rows) >= 128
    for row in rows:
        namespace = {"kubernetes.io/metadata.name": row["namespace"]["name"], **(row["namespace"]["labels"] or {})}
        pod = {"metadata": row["pod"], "spec": {"hostNetwork": row["pod"]["hostNetwork"]}}
        labels = row["pod"]["labels"] or {}
        documents = [each for name in row["webhookConfigurations"] for each in installed[name]]
        asked = any(selects(webhook, namespace, labels) for each in documents for webhook in each["webhooks"])
        decision = decide(
            pod, row["namespace"]["name"], parse_config(yaml.safe_dump({"policy": "enabled", **row["injector"]}))
        )
        assert (asked and not decision.refusal) is row["injected"], row["id"]
