"""Figures of reading clusters: what happened to the Secrets of others, who did not answer in time, whose watches fail.

In: events, as they happen. Out: metric families under istiod's names. How far each cluster is, `mesh_metrics` tells.
Source: operations 8.3.
"""

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector


class RemoteMetrics(Collector):
    """Counts. Registers itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._secrets: Counter[str] = Counter()
        self._timeouts: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        registry.register(self)

    def saw_secret(self, event: str) -> None:
        """`add`, `update` or `delete` of a Secret that names clusters."""
        self._secrets[event] += 1

    def timed_out(self, cluster: str) -> None:
        """Nobody waits for this cluster any longer."""
        self._timeouts[cluster] += 1

    def failed(self, cluster: str) -> None:
        """A list or watch of this cluster."""
        self._failures[cluster] += 1

    def collect(self) -> Iterator[Metric]:
        """Everything so far."""
        yield _family("remote_cluster_secret_events_total", "Changes of remote Secrets.", "event", self._secrets)
        timeouts = "Clusters that did not answer in time."
        yield _family("remote_cluster_sync_timeouts_total", timeouts, "cluster", self._timeouts)
        yield _family("controller_sync_errors_total", "Lists and watches that failed.", "cluster", self._failures)


def _family(name: str, text: str, label: str, counts: Counter[str]) -> Metric:
    family = Metric(name, text, "counter")
    for value, count in sorted(counts.items()):
        family.add_sample(name, {label: value}, count)
    return family
