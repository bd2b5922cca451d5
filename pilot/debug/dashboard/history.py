"""Pushes over time: a ring of samples of the server's own counters.

In: metric families, the clock of the event loop's owner. Out: `Sample`s of the last quarter of an hour. Counts nothing
itself, so what is shown is what `/metrics` says.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final, NoReturn

from prometheus_client.core import Metric

from pilot.debug.dashboard.rows import Sample

EVERY: Final = 5.0
"""Seconds between two samples; arbitrary."""
KEPT: Final = 181
"""Samples: a quarter of an hour."""
_FAILED: Final = "_senderr"


class History:
    """`serve` it."""

    def __init__(
        self, families: Callable[[], Iterable[Metric]], now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """`families`: those of the xDS server."""
        self._families = families
        self._now = now
        self._samples: deque[Sample] = deque(maxlen=KEPT)

    def samples(self) -> tuple[Sample, ...]:
        """Oldest first; the last one is of this moment."""
        return (*self._samples, self._look())

    async def serve(self) -> NoReturn:
        """Takes samples; ends only by cancellation."""
        while True:
            self.take()
            await asyncio.sleep(EVERY)

    def take(self) -> None:
        """Takes one."""
        self._samples.append(self._look())

    def _look(self) -> Sample:
        return sample(self._families(), self._now())


def sample(families: Iterable[Metric], now: datetime) -> Sample:
    """The counters of the xDS server at this moment."""
    responses: dict[str, float] = {}
    size = refused = pushes = proxies = 0.0
    for family in families:
        for each in family.samples:
            match each.name:
                case "pilot_xds_pushes" if not each.labels["type"].endswith(_FAILED):
                    responses[each.labels["type"]] = each.value
                case "pilot_xds_config_size_bytes_sum":
                    size += each.value
                case "pilot_total_xds_rejects":
                    refused += each.value
                case "pilot_push_triggers":
                    pushes += each.value
                case "pilot_xds":
                    proxies += each.value
    return Sample(now, responses, size, refused, pushes, proxies)


def between(earlier: Sample, later: Sample) -> Sample:
    """What was counted between two samples; `proxies` are those of the later one."""
    responses = {name: count - earlier.responses.get(name, 0.0) for name, count in later.responses.items()}
    return Sample(
        later.at,
        {name: count for name, count in responses.items() if count},
        later.size - earlier.size,
        later.refused - earlier.refused,
        later.pushes - earlier.pushes,
        later.proxies,
    )
