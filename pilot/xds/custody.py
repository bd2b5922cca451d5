"""The quarantine as streams meet it: with a clock, a log, figures, and word to those who wait for a verdict.

In: what connections refuse and accept, sets on their way to them. Out: what they get instead; a log line for each
version that is withheld, figures, a push where a search ended. All decisions are made in `quarantine.py`.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from pilot.resources import Resource, ResourceSet
from pilot.type_urls import BY_NAME, TypeUrl, short_name
from pilot.xds.events import Nacked
from pilot.xds.journal import LOG, one_line
from pilot.xds.pushes import Change
from pilot.xds.quarantine import Entry, Place, Quarantine, Refusal
from pilot.xds.watch import Watch

_HELD: Final = "meshpilot_quarantined_resources"
_CAUGHT: Final = "meshpilot_quarantine_entries"


class Custody(Collector):
    """What is withheld from whom. `class_of` tells proxies apart that may judge differently."""

    def __init__(
        self,
        class_of: Callable[[Any], Hashable],
        registry: CollectorRegistry,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.quarantine = Quarantine()
        self.publish: Callable[[Change], None] = lambda change: None
        self.good_sets: Callable[[Hashable, TypeUrl], Iterable[ResourceSet]] = lambda class_, type_url: ()
        """What connections of a class accepted last."""
        self.class_of = class_of
        self._clock = clock
        self._caught: Counter[str] = Counter()
        registry.register(self)

    @property
    def is_idle(self) -> bool:
        """Nothing is withheld: `served` need not be asked."""
        return self.quarantine.is_idle

    @property
    def is_searching(self) -> bool:
        """Acceptances matter."""
        return self.quarantine.is_searching

    def refused(self, by: str, proxy: Any, event: Nacked, watch: Watch | None) -> bool:
        """A connection refused a response. Whether it is to be answered anew."""
        if watch is None or not event.nonce:
            return False
        place = (self.class_of(proxy), event.type_url)
        last = event.nonce == watch.nonce
        unknown = watch.is_continued and not watch.acked and event.type_url not in BY_NAME
        refusal = Refusal(place, by, event.message, watch.sent, watch.good, event.names, last, unknown)
        withheld = self.quarantine.refused(refusal, self._clock(), lambda name: self._known(place, name, watch.sent))
        self._tell()
        if withheld is None:
            return False
        watch.retract(withheld)
        return True

    def accepted(self, by: str, proxy: Any, type_url: TypeUrl, watch: Watch | None) -> bool:
        """A connection accepted a response, while something is searched for. Whether it is to be answered anew."""
        if watch is None:
            return False
        found = self.quarantine.accepted((self.class_of(proxy), type_url), by, watch.good, self._clock())
        self._tell()
        return found

    def served(self, by: str, proxy: Any, type_url: TypeUrl, wanted: ResourceSet, watch: Watch) -> ResourceSet:
        """What a connection is sent instead of `wanted`."""
        names = None if watch.wanted.wildcard else watch.wanted.names
        found = self.quarantine.served((self.class_of(proxy), type_url), by, names, wanted, self._clock())
        watch.asked |= self.quarantine.gone  # it may have an older version, and is to hear that there is none
        self._tell()
        return found

    def left(self, by: str) -> None:
        """A connection ended."""
        if not self.quarantine.is_idle:
            self.quarantine.left(by)
            self._tell()

    def collect(self) -> Iterator[Metric]:
        """How many versions are withheld now, and how many were caught, by type."""
        now = Counter(_label(each.place[1]) for each in self.quarantine.entries())
        for name, kind, text, counts in (
            (_HELD, "gauge", "Versions of resources that are withheld from a class of proxies, by type.", now),
            (
                _CAUGHT,
                "counter",
                "Versions of resources that proxies refused and that were withheld, by type.",
                self._caught,
            ),
        ):
            family = Metric(name, text, kind)
            for label in sorted(self._caught.keys() | counts.keys()):
                family.add_sample(name, {"type": label}, counts[label])
            yield family

    def _known(self, place: Place, name: str, refused: ResourceSet) -> Resource | None:
        version = refused[name].version if name in refused else ""
        for each in self.good_sets(*place):
            found = each.resources.get(name)
            if found is not None and found.body and found.version != version:
                return found
        return None

    def _tell(self) -> None:
        """Log lines and pushes that became due."""
        quarantine = self.quarantine
        if quarantine.fresh:
            caught, quarantine.fresh = quarantine.fresh, []
            for each in caught:
                self._caught[_label(each.place[1])] += 1
                LOG.log(logging.WARNING, "%s", one_line(told(each)))
        if quarantine.over:
            types, quarantine.over = frozenset(quarantine.over), set()
            self.publish(Change(types, ("quarantine",)))


def told(entry: Entry) -> str:
    """One line about what is withheld, naming the objects behind it."""
    made_of = ", ".join(map(str, entry.origins))
    by = sorted(entry.refused_by)
    who = f"{by[0]} and {len(by) - 1} more" if len(by) > 1 else "".join(by)
    kind, name = short_name(entry.place[1]), entry.resource.name
    origin = f" (of {made_of})" if made_of else ""
    reason = entry.message or "no reason given"
    return f"{kind} {name}{origin} was refused by {who}: {entry.fate}, until it changes: {reason}"


def _label(type_url: TypeUrl) -> str:
    return short_name(type_url).lower()
