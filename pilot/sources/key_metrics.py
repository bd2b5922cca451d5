"""Figures about the keys of issuers, under istiod's names.

In: a `KeyKeeper`, read when somebody asks. Out: metric families. Source: operations 8.4.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pilot.sources.keys import KeyKeeper

_FETCHES = "pilot_jwks_resolver_network_fetch"


class KeyMetrics(Collector):
    """Shows how fetching goes. Registers itself."""

    def __init__(self, registry: CollectorRegistry, keeper: KeyKeeper) -> None:
        self._keeper = keeper
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """All families, as they are now."""
        keeper = self._keeper
        yield CounterMetricFamily(f"{_FETCHES}_success", "Key sets that were fetched.", value=keeper.successes)
        yield CounterMetricFamily(f"{_FETCHES}_fail", "Key sets that could not be fetched.", value=keeper.failures)
        failing = GaugeMetricFamily(
            "meshpilot_token_keys_failures", "Failed attempts in a row, by URL of the keys.", labels=["url"]
        )
        for source, status in sorted(keeper.statuses.items()):
            failing.add_metric([source.url], status.failures)
        yield failing
