"""Figures have istiod's names and labels."""

from prometheus_client import CollectorRegistry

from webhook.metrics import WebhookMetrics
from webhook.review import Review

REVIEW = Review("v1", "u", "networking.istio.io", "v1", "Gateway", "gateways")
LABELS = {"group": "networking.istio.io", "resource": "gateways", "version": "v1"}


def test_verdicts_are_counted_by_resource_and_reason() -> None:
    registry = CollectorRegistry()
    metrics = WebhookMetrics(registry)
    metrics.judged(REVIEW, "")
    metrics.judged(REVIEW, "invalid_resource")
    metrics.judged(Review("v1", "u", is_dry_run=True), "invalid_resource")
    metrics.answered_with(415)
    assert registry.get_sample_value("galley_validation_passed", LABELS) == 1
    assert registry.get_sample_value("galley_validation_failed", LABELS | {"reason": "invalid_resource"}) == 1
    assert registry.get_sample_value("galley_validation_http_error", {"status": "415"}) == 1
    assert sum(1 for family in registry.collect() for _ in family.samples) == 3


def test_pods_are_counted_and_timed() -> None:
    registry = CollectorRegistry()
    metrics = WebhookMetrics(registry)
    for skipped in (True, False):
        metrics.asked_about_pod()
        metrics.answered_pod(0.5, skipped=skipped)
    metrics.asked_about_pod()
    metrics.failed_pod()
    counts = {
        name: registry.get_sample_value(f"sidecar_injection_{name}_total")
        for name in ("requests", "success", "failure", "skip")
    }
    assert counts == {"requests": 3, "success": 2, "failure": 1, "skip": 1}
    assert registry.get_sample_value("sidecar_injection_time_seconds_bucket", {"le": "1.0"}) == 2
