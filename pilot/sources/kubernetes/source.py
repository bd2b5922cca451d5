"""The Kubernetes source: every kind of one cluster, as batches of events, first with all there is.

In: an API server, which kinds, whose mesh. Out: batches as the file source gives them. A cluster that does not answer
takes nothing away: what was known stays. One that does not answer at the start may be stood in for by what was known in
another life: what is gone meanwhile is said when the cluster answers.
Source: Kubernetes controllers behaviour 6.1, 6.2; operations 9.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from pilot.model.objects import Event
from pilot.model.problem import Problem, Severity
from pilot.sources.events import Batch
from pilot.sources.kubernetes.api import ListApi
from pilot.sources.kubernetes.definitions import Definitions
from pilot.sources.kubernetes.informer import Cluster, Informer, State
from pilot.sources.kubernetes.inventory import Inventory
from pilot.sources.kubernetes.members import Members
from pilot.sources.kubernetes.resources import Resource

SETTLE = 0.01
"""Seconds: what comes together is one batch; short, since endpoint changes are in a hurry."""
REPORT_AFTER = 10.0
"""Seconds after which the log says what start-up waits for."""

UNREACHABLE_AFTER = 5.0
"""Seconds without any answer at the start, after which what is remembered is served."""

Remembered = Callable[[], Awaitable[tuple[Event, ...]]]

_log = logging.getLogger("kube")


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose objects are read."""

    system_namespace: str = "istio-system"
    revision: str = ""
    """Objects of other revisions are not ours; empty: all are."""
    only: tuple[str, ...] = ()
    """Nothing outside these namespaces is read; empty: no such limit."""
    members: tuple[str, ...] = ()
    """Namespaces to read where the whole cluster may not be read, beside those that the cluster itself names."""


class KubernetesSource:
    """One cluster. `watch` once."""

    def __init__(
        self,
        api: ListApi,
        resources: Sequence[Resource],
        scope: Scope | None = None,
        remembered: Remembered | None = None,
    ) -> None:
        """`remembered`: what was known in another life; asked once, and only where the cluster does not answer."""
        scope = scope or Scope()
        self._remembered = remembered
        self._inventory = Inventory(scope.revision)
        self._definitions = Definitions(api)
        self._members = Members(api, scope.system_namespace, scope.members)
        self.failed: Callable[[], None] = lambda: None
        """Is told of each list and watch that failed; may be set."""
        cluster = Cluster(api, self._inventory, self._definitions, self._members, scope.only, self._fail)
        self._informers = [Informer(cluster, each) for each in resources]
        self._said: frozenset[Problem] = frozenset()
        self.is_stood_in_for = False
        """Whether what is served is remembered from another life: the API server has not answered."""
        self.patience = UNREACHABLE_AFTER
        """Seconds without any answer, from `watch` on, after which what is remembered is served."""
        self.is_listed = False
        """Whether everything there is has been said."""

    def _fail(self) -> None:
        self.failed()

    @property
    def waiting(self) -> tuple[str, ...]:
        """What has not been read yet, by plural."""
        return tuple(each.resource.plural for each in self._informers if not each.is_settled)

    @property
    def faults(self) -> tuple[str, ...]:
        """Why what is known may be old; empty while everything is current."""
        faults = (self._definitions.fault, *(fault for each in self._informers for fault in each.faults))
        return tuple(dict.fromkeys(filter(None, faults)))

    @property
    def is_cut_off(self) -> bool:
        """Whether nothing that is known is current any more: the cluster does not answer, or not to us."""
        known = [each for each in self._informers if each.state is State.LISTED]
        return bool(known) and not any(each.is_current for each in known)

    async def watch(self) -> AsyncGenerator[Batch, None]:
        """First everything (`listed`), then what changes; ends only by cancellation."""
        tasks = [asyncio.create_task(self._definitions.serve())]
        tasks += [asyncio.create_task(each.serve()) for each in self._informers]
        reporting = asyncio.create_task(self._report_delay())
        falling_back = asyncio.create_task(self._fall_back())
        try:
            while True:
                changed = asyncio.create_task(self._inventory.changed.wait())
                done, _ = await asyncio.wait((changed, *tasks), return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                for task in done - {changed}:
                    task.result()  # a bug: they end only by cancellation
                await asyncio.sleep(SETTLE)
                if not self.is_listed and self.waiting and not self.is_stood_in_for:
                    self._inventory.changed.clear()
                    continue
                yield self._batch()
        finally:
            tasks += [reporting, falling_back]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._members.close()

    async def _fall_back(self) -> None:
        """Serves what is remembered where nothing was answered for a while."""
        if self._remembered is None:
            return
        await asyncio.sleep(self.patience)
        if any(each.is_settled for each in self._informers):
            return
        events = await self._remembered()
        if events and not any(each.is_settled for each in self._informers):
            self._inventory.adopt(events)
            self.is_stood_in_for = True
            _log.warning(f"the API server does not answer: {len(events)} objects are served as they were known before")

    def _batch(self) -> Batch:
        events, problems = self._inventory.take(), (*self._inventory.problems(), *self._refusals())
        fresh = tuple(each for each in problems if each not in self._said)
        self._said = frozenset(problems)
        listed, self.is_listed = not self.is_listed, True
        return Batch(events, problems, fresh, listed)

    def _refusals(self) -> Iterable[Problem]:
        for each in self._informers:
            if each.state is State.FORBIDDEN:
                yield Problem(f"{each.resource.plural} may not be read here", severity=Severity.WARNING)

    async def _report_delay(self) -> None:
        while not self.is_listed:
            await asyncio.sleep(REPORT_AFTER)
            waiting = self.waiting
            if waiting:
                _log.warning(f"not read yet: {', '.join(waiting)}")
