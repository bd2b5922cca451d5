"""Metrics by way of the agent."""

import json
from typing import Any

import pytest

from webhook.injection import prometheus

SET = {"prometheus.io/port": "15020", "prometheus.io/path": "/stats/prometheus", "prometheus.io/scrape": "true"}


def merged(annotations: dict[str, str], *, enabled: bool = True) -> tuple[dict[str, str], Any]:
    pod: dict[str, Any] = {"metadata": {"annotations": annotations}, "spec": {"containers": [{"name": "istio-proxy"}]}}
    prometheus.merge(pod, enabled=enabled, port=15020)
    values = [each["value"] for each in pod["spec"]["containers"][0].get("env", [])]
    return pod["metadata"]["annotations"], json.loads(values[0]) if values else None


def test_nothing_said_before() -> None:
    assert merged({}) == (SET, None)


def test_what_was_said_goes_to_the_agent_however_it_is_spelt() -> None:
    annotations, told = merged({"prometheus.io/port": "9", "prometheus-io/path": "/x", "other": "y"})
    assert annotations == {**SET, "other": "y"}
    assert told == {"scrape": "", "path": "/x", "port": "9"}


@pytest.mark.parametrize(
    ("annotations", "enabled"),
    [
        ({}, False),
        ({"prometheus.istio.io/merge-metrics": "false"}, True),
        ({"prometheus.io/scrape": "false"}, True),
        ({"prometheus.io/port": "15020"}, True),
    ],
)
def test_where_nothing_is_merged(annotations: dict[str, str], enabled: bool) -> None:
    assert merged(dict(annotations), enabled=enabled) == (annotations, None)


def test_the_annotation_beats_the_mesh() -> None:
    annotations, _ = merged({"prometheus.istio.io/merge-metrics": "true"}, enabled=False)
    assert annotations["prometheus.io/port"] == "15020"
