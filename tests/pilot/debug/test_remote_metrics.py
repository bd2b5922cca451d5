"""Figures of other clusters under istiod's names."""

from prometheus_client import CollectorRegistry, generate_latest

from pilot.debug.remote_metrics import RemoteMetrics


def test_secrets_and_timeouts_are_counted() -> None:
    registry = CollectorRegistry()
    figures = RemoteMetrics(registry)
    for event in ("add", "update", "update", "delete"):
        figures.saw_secret(event)
    figures.timed_out("east")
    figures.failed("west")
    said = generate_latest(registry).decode()
    assert 'remote_cluster_secret_events_total{event="add"} 1.0' in said
    assert 'remote_cluster_secret_events_total{event="update"} 2.0' in said
    assert 'remote_cluster_secret_events_total{event="delete"} 1.0' in said
    assert 'remote_cluster_sync_timeouts_total{cluster="east"} 1.0' in said
    assert 'controller_sync_errors_total{cluster="west"} 1.0' in said
