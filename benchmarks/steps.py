"""The steps of a load run: what is done to a server, and the row that says what it cost.

In: a mesh on disk, a server, a fleet. Out: rows. Every step ends by itself.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import Progress

from benchmarks.fleet import Fleet
from benchmarks.mesh import Mesh
from benchmarks.report import Row
from benchmarks.server import Server

QUIET = 0.6
"""A step is over when nobody has received anything for this long, seconds: well over the debounce of 0.1 s."""
LATE = 0.02
"""Seconds that a task may hold the event loop."""


class Unfinished(Exception):  # noqa: N818 - what it says
    """A step did not end in time."""


class Run:
    """One run: the mesh, the server, the fleet and what was measured so far. `first`: one Envoy of each class."""

    def __init__(self, mesh: Mesh, server: Server, fleet: Fleet, first: int, progress: Progress) -> None:
        self.mesh, self.server, self.fleet, self.first = mesh, server, fleet, first
        self.rows: list[Row] = []
        self._progress = progress

    @contextmanager
    def step(self, name: str, total: int = 1) -> Iterator["Measured"]:
        """A progress bar while it runs, a row when it is over."""
        self.fleet.reset()
        task = self._progress.add_task(name, total=total)
        measured = Measured(self.server, lambda done: self._progress.update(task, completed=done))
        yield measured
        self._progress.remove_task(task)
        self.rows.append(measured.row(name, self.fleet))

    async def connect(self, limit: float) -> None:
        """Everybody connects: first one of each class, so that the rest shows what one more proxy costs."""
        everybody = len(self.fleet.envoys)
        with self.step(f"connect, {self.first} classes", self.first) as measured:
            self.fleet.start(0, self.first)
            await self._synced(self.first, limit, measured)
        if everybody > self.first:
            with self.step("connect", everybody) as measured:
                self.fleet.start(self.first)
                await self._synced(everybody, limit, measured)

    async def change(self, name: str, edit: Callable[[], None], limit: float = 60.0) -> None:
        """One edit of the mesh, until everybody is quiet again."""
        with self.step(name):
            edit()
            await self.fleet.quiet(QUIET, limit)

    async def churn(self, per_second: int, seconds: float = 5.0) -> None:
        """Endpoint changes at a steady rate: seconds from the edit of a file until the last Envoy has it."""
        late: list[float] = []
        count = int(per_second * seconds)
        with self.step(f"endpoint churn, {per_second}/s", count) as measured:
            for number in range(count):
                edited = time.monotonic()
                self.mesh.write_service(number % self.mesh.services, unready=number // self.mesh.services % 2 ^ 1)
                measured.show(number)
                await asyncio.sleep(max(0.0, measured.started + (number + 1) / per_second - time.monotonic()))
                late.append(max(each.counts.last for each in self.fleet.envoys) - edited)
            await self.fleet.quiet(QUIET, 60)
            measured.times = [each for each in late if each > 0]

    async def restart(self, limit: float) -> None:
        """The server is killed and started again; everybody comes back at once."""
        with self.step("reconnect storm", len(self.fleet.envoys)) as measured:
            for each in self.fleet.envoys:
                each.synced.clear()
            self.server.restart()
            measured.cpu = 0.0
            await self._synced(len(self.fleet.envoys), limit, measured)

    async def _synced(self, wanted: int, limit: float, measured: "Measured") -> None:
        if not await self.fleet.synced(wanted, limit, measured.show):
            raise Unfinished(f"not all {wanted} proxies were synced after {limit:.0f} s")
        await self.fleet.quiet(0.2, 10)


class Measured:
    """A step while it runs."""

    def __init__(self, server: Server, show: Callable[[int], None]) -> None:
        self._server = server
        self._lags = server.lags()
        self.show = show
        self.times: list[float] = []
        """Seconds; empty: those from the start of the step to each Envoy's last message."""
        self.cpu = server.cpu()
        self.started = time.monotonic()

    def row(self, name: str, fleet: Fleet) -> Row:
        """What it cost."""
        cpu = self._server.cpu() - self.cpu
        counts = [each.counts for each in fleet.envoys]
        reached = [each for each in counts if each.last]
        times = sorted(self.times or [each.last - self.started for each in reached]) or [0.0]
        size = len(reached) or 1
        before, after = self._lags, self._server.lags()
        late = [bound for bound, count in after.items() if count > before.get(bound, 0) and bound > LATE]
        return Row(
            step=name,
            cpu_s=cpu,
            proxies=len(reached),
            kb_per_proxy=sum(each.bytes for each in counts) / size / 1e3,
            messages_per_proxy=sum(each.messages for each in counts) / size,
            p50_s=times[len(times) // 2],
            p99_s=times[min(len(times) - 1, int(len(times) * 0.99))],
            last_s=times[-1],
            rss_mb=self._server.rss_mb(),
            lag_s=max(late, default=LATE if after else 0.0),
        )
