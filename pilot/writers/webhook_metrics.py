"""Figures of webhook configurations that get our root, under istiod's names.

In: one call for each write. Out: metric families; those of injection by name of the configuration, those of validation
without. Source: operations 8.4.
"""

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

_HELP = {
    "webhook_patch_attempts_total": "Writes of our root into webhook configurations for injection.",
    "webhook_patch_failures_total": "Those that failed, by reason.",
    "webhook_patch_retries_total": "Those that were tried again.",
    "galley_validation_config_updates": "Writes of our root into webhook configurations for validation.",
    "galley_validation_config_update_error": "Those that failed, by reason.",
}
_REASONS = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 422: "Invalid"}
"""Kubernetes' words for what went wrong."""


class WebhookMetrics(Collector):
    """Counts. Registers itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counts: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
        registry.register(self)

    def tried(self, name: str, *, validates: bool, again: bool) -> None:
        """A configuration is written, the first time or again."""
        if not validates:
            self._count("webhook_patch_attempts_total", name=name)
            if again:
                self._count("webhook_patch_retries_total", name=name)

    def written(self, *, validates: bool) -> None:
        """It was."""
        if validates:
            self._count("galley_validation_config_updates")

    def failed(self, name: str, status: int | None, *, validates: bool) -> None:
        """It could not be; `status`: of HTTP."""
        if validates:
            self._count("galley_validation_config_update_error", reason=_REASONS.get(status or 0, "Unknown"))
        else:
            self._count("webhook_patch_failures_total", name=name, reason="webhook_update_failure")

    def _count(self, family: str, **labels: str) -> None:
        self._counts[family, tuple(sorted(labels.items()))] += 1

    def collect(self) -> Iterator[Metric]:
        """What was counted."""
        families: dict[str, Metric] = {}
        for (name, labels), count in sorted(self._counts.items()):
            family = families.setdefault(name, Metric(name, _HELP[name], "counter"))
            family.add_sample(name, dict(labels), count)
        yield from families.values()
