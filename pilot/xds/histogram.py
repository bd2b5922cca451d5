"""A histogram that costs less to feed than what it measures.

In: observations, on the event loop. Out: a metric family of the Prometheus client, when somebody asks. The client's own
histogram takes a lock and walks through its buckets for every observation; a push makes five of them.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily


class Histogram:
    """Counts observations by size, under one label or none."""

    def __init__(self, name: str, text: str, buckets: Sequence[float], label: str = "") -> None:
        self._name = name
        self._text = text
        self._bounds = tuple(map(float, buckets))
        self._label = label
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}
        if not label:
            self._open("")

    def observe(self, value: float, label: str = "") -> None:
        """Counts one; `label` is the value of the label, where there is one."""
        counts = self._counts.get(label) or self._open(label)
        counts[bisect_left(self._bounds, value)] += 1
        self._sums[label] += value

    def family(self) -> HistogramMetricFamily:
        """Everything so far."""
        family = HistogramMetricFamily(self._name, self._text, labels=(self._label,) if self._label else ())
        bounds = [*map(str, self._bounds), "+Inf"]
        for label, counts in sorted(self._counts.items()):
            buckets = [(bound, float(count)) for bound, count in zip(bounds, accumulate(counts), strict=True)]
            family.add_metric((label,) if self._label else (), buckets, self._sums[label])
        return family

    def _open(self, label: str) -> list[int]:
        self._sums[label] = 0.0
        return self._counts.setdefault(label, [0] * (len(self._bounds) + 1))
