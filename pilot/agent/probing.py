"""How the workload beside Envoy is, as long as the agent runs: its readiness probe, asked again and again.

In: the ReadinessProbe of the proxy's settings (PROXY_CONFIG), and why Envoy itself may not get traffic. Out: `Health`,
and a wake-up for each watcher when it changes. The workload is well after `successThreshold` good looks in a row, and
unwell after `failureThreshold` bad ones; before either nothing is said. `relay.py` tells the control plane.
Source: operations 14, Kubernetes controllers behaviour 8.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NoReturn

from pilot.agent.errors import OptionError
from pilot.agent.probes import UnwellError, look
from pilot.agent.proxy_config import read_proxy_config
from pilot.agent.watchers import Watchers
from pilot.model.decoding import Unknown, decode_value, path_text
from pilot.model.workload_group import ReadinessProbe
from pilot.validation import workload_entry
from pilot.validation.syntax import port_fault

logger = logging.getLogger("agent")

PERIOD, PATIENCE, SUCCESSES, FAILURES = 10, 1, 1, 3
"""What 0 means: seconds between two looks, seconds for one, looks in a row."""
_PATH = ("PROXY_CONFIG", "readinessProbe")


@dataclass(frozen=True, slots=True)
class Health:
    """What the control plane is to know; `reason` says why a workload is not well."""

    is_well: bool
    reason: str = ""


def read_probe(metadata: Mapping[str, object]) -> ReadinessProbe | None:
    """The probe that the node metadata holds; None where it holds none. Raises: OptionError."""
    raw = read_proxy_config(metadata).readiness_probe
    if not raw:
        return None
    probe, faults = decode_value(dict(raw), ReadinessProbe, Unknown.IGNORE)
    wrong = [f"{path_text((*_PATH, *fault.path))}: {fault.message}" for fault in faults] if probe is None else []
    if probe is not None and probe.grpc is None:  # istiod: its validation does not know gRPC
        found = workload_entry.readiness_probe(probe, _PATH)
        wrong = [f"{path_text(each.path)}: {each.message}" for each in found]
    elif probe is not None and probe.grpc is not None and (fault := port_fault(probe.grpc.port)):
        wrong = [f"{path_text((*_PATH, 'grpc', 'port'))}: {fault}"]
    if wrong:
        raise OptionError("; ".join(wrong))
    return probe


class Verdict:
    """Counts looks in a row."""

    def __init__(self, probe: ReadinessProbe) -> None:
        self._needed = {True: probe.success_threshold or SUCCESSES, False: probe.failure_threshold or FAILURES}
        self._last: bool | None = None
        self._row = 0

    def note(self, health: Health) -> Health | None:
        """What is to be said from now on; None: as before."""
        self._row = self._row + 1 if health.is_well == self._last else 1
        self._last = health.is_well
        return health if self._row >= self._needed[health.is_well] else None


class Prober:
    """Keeps `health` current. `why_not_ready`: of Envoy; None where it may get traffic."""

    def __init__(self, probe: ReadinessProbe, why_not_ready: Callable[[], Awaitable[str | None]], owner: str) -> None:
        self._probe, self._why_not_ready, self._owner = probe, why_not_ready, owner
        self._verdict = Verdict(probe)
        self._watchers = Watchers()
        self.health: Health | None = None
        """None until something is known."""
        self._is_leaving = False

    async def serve(self) -> NoReturn:
        """Looks again and again; ends only by cancellation."""
        await asyncio.sleep(self._probe.initial_delay_seconds)
        while True:
            said = self._verdict.note(await self._look())
            if said is not None and not self._is_leaving:
                self._say(said)
            await asyncio.sleep(self._probe.period_seconds or PERIOD)

    def leave(self) -> None:
        """The proxy is about to drain: whatever the workload says, nobody new is to come."""
        self._is_leaving = True
        self._say(Health(False, "draining"))

    def watch(self) -> AbstractContextManager[asyncio.Event]:
        """An event that is set by each change of `health`."""
        return self._watchers.watch()

    async def _look(self) -> Health:
        reason = await self._why_not_ready()
        if reason is not None:
            return Health(False, f"envoy: {reason}")
        try:
            await look(self._probe, self._probe.timeout_seconds or PATIENCE)
        except UnwellError as error:
            return Health(False, str(error))
        return Health(True)

    def _say(self, health: Health) -> None:
        if self.health is not None and self.health.is_well == health.is_well and not self._is_leaving:
            return
        self.health = health
        logger.info(f"{self._owner}: the workload is {'well' if health.is_well else f'not well: {health.reason}'}")
        self._watchers.wake()
