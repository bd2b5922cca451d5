"""Figures of webhook configurations; that writers count is in test_webhook_roots.py."""

from prometheus_client import CollectorRegistry

from pilot.writers.webhook_metrics import WebhookMetrics


def test_both_kinds_have_istiods_names() -> None:
    registry = CollectorRegistry()
    metrics, value = WebhookMetrics(registry), registry.get_sample_value
    metrics.tried("a", validates=False, again=False)
    metrics.tried("a", validates=False, again=True)
    metrics.failed("a", None, validates=False)
    metrics.written(validates=False)
    metrics.written(validates=True)
    metrics.failed("b", 403, validates=True)
    metrics.failed("b", None, validates=True)
    assert value("webhook_patch_attempts_total", {"name": "a"}) == 2
    assert value("webhook_patch_retries_total", {"name": "a"}) == 1
    assert value("webhook_patch_failures_total", {"name": "a", "reason": "webhook_update_failure"}) == 1
    assert value("galley_validation_config_updates") == 1
    assert value("galley_validation_config_update_error", {"reason": "Forbidden"}) == 1
    assert value("galley_validation_config_update_error", {"reason": "Unknown"}) == 1
