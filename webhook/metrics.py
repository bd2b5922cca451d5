"""Figures of the webhooks under istiod's names.

In: one call for each event, on the event loop. Out: metric families, through the registry it is given. A series appears
with its first event, as istiod's do. Source: operations 8.4.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from webhook.review import Review

REQUESTS = "sidecar_injection_requests_total"
SUCCESS = "sidecar_injection_success_total"
FAILURE = "sidecar_injection_failure_total"
SKIP = "sidecar_injection_skip_total"
PASSED = "galley_validation_passed"
FAILED = "galley_validation_failed"
HTTP_ERROR = "galley_validation_http_error"
_SECONDS = (0.1, 1.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0)

_HELP = {
    REQUESTS: "Pods that were asked about.",
    SUCCESS: "Questions about pods that were answered.",
    FAILURE: "Pods that could not be injected.",
    SKIP: "Pods that stay as they are.",
    PASSED: "Objects that are valid.",
    FAILED: "Objects that are not, by reason.",
    HTTP_ERROR: "Requests that were no question, by status.",
}

_Labels = tuple[tuple[str, str], ...]


class WebhookMetrics(Collector):
    """Counts what the webhooks do. Registers itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counts: Counter[tuple[str, _Labels]] = Counter()
        self._times = [0] * (len(_SECONDS) + 1)
        self._sum = 0.0
        registry.register(self)

    def asked_about_pod(self) -> None:
        """A pod arrived."""
        self._counts[REQUESTS, ()] += 1

    def answered_pod(self, seconds: float, *, skipped: bool) -> None:
        """It was answered, after so long."""
        self._counts[SUCCESS, ()] += 1
        self._counts[SKIP, ()] += skipped
        self._times[bisect_left(_SECONDS, seconds)] += 1
        self._sum += seconds

    def failed_pod(self) -> None:
        """It could not be injected."""
        self._counts[FAILURE, ()] += 1

    def judged(self, review: Review, reason: str) -> None:
        """An object was valid (no reason) or not; trying out counts for nothing where it is not."""
        labels = (("group", review.group), ("resource", review.resource), ("version", review.version))
        if not reason:
            self._counts[PASSED, labels] += 1
        elif not review.is_dry_run:
            self._counts[FAILED, (*labels[:1], ("reason", reason), *labels[1:])] += 1

    def answered_with(self, status: int) -> None:
        """A request to validate was answered with an error of HTTP."""
        self._counts[HTTP_ERROR, (("status", str(status)),)] += 1

    def collect(self) -> Iterator[Metric]:
        """Everything so far."""
        for name, text in _HELP.items():
            found = {labels: count for (other, labels), count in self._counts.items() if other == name and count}
            if found:
                metric = Metric(name, text, "counter")
                for labels, count in sorted(found.items()):
                    metric.add_sample(name, dict(labels), count)
                yield metric
        if sum(self._times):
            family = HistogramMetricFamily("sidecar_injection_time_seconds", "Seconds until a pod was answered.")
            bounds = [*map(str, _SECONDS), "+Inf"]
            buckets = [(bound, float(count)) for bound, count in zip(bounds, accumulate(self._times), strict=True)]
            family.add_metric((), buckets, self._sum)
            yield family
