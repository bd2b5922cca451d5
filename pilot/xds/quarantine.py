"""What proxies of a class refused, and what they are served instead: the last good version, until it changes.

In: refusals and acceptances of responses; sets that are to be sent. Out: the same sets with refused versions replaced,
or taken out where no good one is known. A refusal is laid at the door of the resources that the proxy's words name; if
they name none, by sending what was new again in groups to the proxy that refused (`bisection.py`): the rest of its
class waits for the verdict with what it has. Knows neither clock nor stream; what a class is its callers decide.

Bounds: LIMIT entries (the oldest goes), TERM seconds each, SEARCHES at a time of PATIENCE seconds.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pilot.resources import Origin, Resource, ResourceSet, revise
from pilot.type_urls import TypeUrl
from pilot.xds import bisection
from pilot.xds.bisection import Bisection
from pilot.xds.watch import speaks_of

LIMIT = 1024
TERM = 3600.0
"""Seconds after which a refused version is tried again: what a proxy lacked it may have by then. Arbitrary."""
SEARCHES = 64
PATIENCE = 30.0
"""Seconds without a verdict after which a search is given up, and everything sent again. Arbitrary."""
_REVISED = 256
"""Sets with replacements that are remembered, so that proxies of a class hold the same one."""

Class = Hashable
Known = Callable[[str], Resource | None]
"""The version of a resource that some other proxy of the class has accepted."""
Place = tuple[Class, TypeUrl]


@dataclass(slots=True)
class Entry:
    """A version of a resource that is withheld from a class of proxies."""

    place: Place
    resource: Resource
    good: Resource | None
    """What is served instead; None: nothing."""
    message: str
    """The proxy's words."""
    since: float
    refused_by: set[str] = field(default_factory=set)
    """Connections."""
    members: set[str] = field(default_factory=set)
    """Connections that it is withheld from: if these are to have another version, it is over."""
    keepers: set[str] = field(default_factory=set)
    """Connections that are sent it all the same: without it they would give up what they have of it."""

    @property
    def origins(self) -> tuple[Origin, ...]:
        """The objects that it was made from."""
        return self.resource.origins

    @property
    def fate(self) -> str:
        """What its proxies have instead, in words."""
        if self.good is not None:
            return "its last good version stays"
        return "what proxies have of it stays" if self.keepers else "it is left out"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A response that a connection refused."""

    place: Place
    by: str
    message: str
    sent: ResourceSet
    """What it was to have."""
    good: ResourceSet
    """What it accepted last."""
    names: tuple[str, ...] = ()
    """What the refused response held."""
    is_last: bool = True
    """Nothing was sent since."""
    holds_unknown: bool = False
    """It has accepted something before that we do not know, and gives up what a response does not hold."""


@dataclass(slots=True)
class _Search:
    by: str
    left: Bisection
    versions: Mapping[str, Resource]
    good: Mapping[str, Resource | None]
    message: str
    heard: float
    base: ResourceSet
    """What the connection has: nothing else that is new is sent to it meanwhile, lest it take the blame."""


class Quarantine:
    """Everything that is withheld now."""

    def __init__(self) -> None:
        self._entries: OrderedDict[tuple[Place, str, str], Entry] = OrderedDict()
        self._held: dict[Place, dict[str, dict[str, Entry]]] = {}
        """By name, then version."""
        self._searches: dict[Place, _Search] = {}
        self._revised: OrderedDict[object, tuple[ResourceSet, Mapping[str, Resource | None], ResourceSet]] = (
            OrderedDict()
        )
        self.is_idle = True
        """Nothing is withheld: no set has to be looked at."""
        self.is_searching = False
        self.fresh: list[Entry] = []
        """What was convicted since somebody took them from here."""
        self.over: set[TypeUrl] = set()
        """Types of which a search ended since somebody took them: the rest of the class waits."""
        self.gone: frozenset[str] = frozenset()
        """Names that the set which was served last no longer has, and that the connection was told nothing about."""

    def entries(self) -> tuple[Entry, ...]:
        """What is withheld, oldest first."""
        return tuple(self._entries.values())

    def searches(self) -> Iterator[tuple[Place, str, frozenset[str]]]:
        """Where it is not known yet who is to blame: the connection that is asked, and the suspects."""
        for place, search in self._searches.items():
            yield place, search.by, search.left.suspects

    def refused(self, refusal: Refusal, now: float, known: Known = lambda name: None) -> frozenset[str] | None:
        """Names that are withheld from this class from now on; None: nobody can be blamed, all stays as it is."""
        place, search = refusal.place, self._searches.get(refusal.place)
        own = search is not None and search.by == refusal.by
        if own and not refusal.is_last:
            return None  # about what was sent before the search began
        suspects = dict(_new(refusal))
        named = [name for name in suspects if speaks_of(refusal.message, name)]
        if search is not None and own:
            search.heard = now
        if named:
            entries = [self._convict(refusal, suspects[name], now, known) for name in named]
            if refusal.holds_unknown and _took_the_rest(refusal.message) and not any(each.good for each in entries):
                for each in entries:
                    each.keepers.add(refusal.by)
                self._note()
                return None
            if search is not None:
                self._go_on(place, search, search.left.without(named), now, known)
        elif search is None:
            if not refusal.holds_unknown:
                self._begin(refusal, suspects, now, known)
        elif own and search.left.trying & suspects.keys():
            search.message = refusal.message
            self._go_on(place, search, search.left.refused(), now, known)
        self._note()
        return self._withheld(place, refusal.by, suspects)

    def _withheld(self, place: Place, by: str, suspects: Mapping[str, Resource]) -> frozenset[str] | None:
        """Names; None where what would be sent now is what was just refused: then it would be refused for ever."""
        held = self._held.get(place, {})
        changes = any(
            (entry := held.get(name, {}).get(each.version)) is not None and by not in entry.keepers
            for name, each in suspects.items()
        )
        withheld, running = frozenset(held), self._searches.get(place)
        if running is not None:
            waiting = running.left.suspects - (running.left.trying if running.by == by else frozenset())
            changes = changes or not waiting.isdisjoint(suspects)
            withheld |= running.left.suspects
        return withheld if changes else None

    def accepted(self, place: Place, by: str, sent: ResourceSet, now: float) -> bool:
        """Whether that was a verdict in a search: the connection has to be answered anew."""
        search = self._searches.get(place)
        if search is not None and search.by == by:
            search.base = sent
        if search is None or search.by != by or not _holds(sent, search.left.trying, search.versions):
            return False
        search.heard = now
        self._go_on(place, search, search.left.accepted(), now, lambda name: None)
        self._note()
        return True

    def left(self, by: str) -> None:
        """A connection ended; what it was asked about somebody else will tell."""
        for each in self._entries.values():
            each.members.discard(by)
        for place in [place for place, search in self._searches.items() if search.by == by]:
            self._end(place)
        self._note()

    def served(
        self, place: Place, by: str, names: frozenset[str] | None, wanted: ResourceSet, now: float
    ) -> ResourceSet:
        """What a connection is to be sent instead of `wanted` (of `names`; None: all there is)."""
        self._forget(now)
        self.gone = frozenset()
        edits: dict[str, Resource | None] = {}
        for name, versions in list(self._held.get(place, {}).items()):
            current = wanted.resources.get(name)
            entry = versions.get(current.version) if current is not None else None
            if current is not None or names is None or name in names:
                if current is None and any(each.good is None and by in each.members for each in versions.values()):
                    self.gone |= {name}
                self._release(each for each in versions.values() if each is not entry and _concerns(each, by))
            if entry is not None:
                entry.members.add(by)
                if by not in entry.keepers:
                    edits[name] = entry.good
        search = self._searches.get(place)
        if search is not None:
            edits = self._suspended(place, search, by, wanted, now) | edits
        self._note()
        return self._revise(wanted, edits) if edits else wanted

    def _suspended(
        self, place: Place, search: _Search, by: str, wanted: ResourceSet, now: float
    ) -> dict[str, Resource | None]:
        """What of a set waits for the verdict."""
        suspects, versions = search.left.suspects, search.versions
        same = {name for name in suspects if _holds(wanted, (name,), versions)}
        if search.by != by:
            return {name: search.good[name] for name in same}
        if same != suspects:
            self.gone |= {name for name in suspects - same if search.good[name] is None and name not in wanted}
            self._go_on(place, search, search.left.without(suspects - same), now, lambda name: None)
            if search.left.is_over:
                return {}
        trying, had = search.left.trying, search.base.resources
        late = (each.name for each in wanted.resources.values() if each.name not in trying and _is_other(had, each))
        waiting = search.left.suspects - trying
        return {name: had.get(name) for name in late} | {name: search.good[name] for name in waiting}

    def _begin(self, refusal: Refusal, suspects: Mapping[str, Resource], now: float, known: Known) -> None:
        """The proxy did not say what was wrong with it."""
        held = self._held.get(refusal.place, {})
        names = [name for name in suspects if name in refusal.names] or list(suspects)
        names = [name for name in names if suspects[name].version not in held.get(name, {})]
        if len(names) == 1:
            self._convict(refusal, suspects[names[0]], now, known)
        if len(names) < 2 or len(self._searches) >= SEARCHES:
            return
        good = {name: refusal.good.resources.get(name) or known(name) for name in names}
        versions = {name: suspects[name] for name in names}
        base = revise(refusal.sent, {name: refusal.good.resources.get(name) for name in suspects})
        search = _Search(refusal.by, Bisection((tuple(names),)), versions, good, refusal.message, now, base)
        self._searches[refusal.place] = search
        self._go_on(refusal.place, search, bisection.begin(names), now, known)

    def _go_on(self, place: Place, search: _Search, left: Bisection, now: float, known: Known) -> None:
        convicted = left.culprits[len(search.left.culprits) :]
        search.left = left
        for name in convicted:
            self._enter(place, search.by, search.versions[name], search.good[name], search.message, now)
        if left.is_over:
            self._end(place)

    def _end(self, place: Place) -> None:
        if self._searches.pop(place, None) is not None:
            self.over.add(place[1])

    def _convict(self, refusal: Refusal, refused: Resource, now: float, known: Known) -> Entry:
        good = refusal.good.resources.get(refused.name) or known(refused.name)
        return self._enter(refusal.place, refusal.by, refused, good, refusal.message, now)

    def _enter(
        self, place: Place, by: str, refused: Resource, good: Resource | None, message: str, now: float
    ) -> Entry:
        key = (place, refused.name, refused.version)
        entry = self._entries.get(key)
        if entry is None:
            if good is not None and good.version == refused.version:
                good = None  # another proxy of the class has taken it: there is no older one
            entry = self._entries[key] = Entry(place, refused, good, message, now)
            self._held.setdefault(place, {}).setdefault(refused.name, {})[refused.version] = entry
            self.fresh.append(entry)
            if len(self._entries) > LIMIT:
                self._release((next(iter(self._entries.values())),))
        entry.members.add(by)
        entry.refused_by.add(by)
        return entry

    def _release(self, entries: Iterable[Entry]) -> None:
        for each in tuple(entries):
            place, name, version = each.place, each.resource.name, each.resource.version
            self._entries.pop((place, name, version), None)
            named = self._held.get(place, {})
            named.get(name, {}).pop(version, None)
            if not named.get(name, True):
                del named[name]
            if not named:
                self._held.pop(place, None)

    def _forget(self, now: float) -> None:
        while self._entries and (oldest := next(iter(self._entries.values()))).since < now - TERM:
            self._release((oldest,))
        for place in [place for place, search in self._searches.items() if search.heard < now - PATIENCE]:
            self._end(place)

    def _note(self) -> None:
        self.is_searching = bool(self._searches)
        self.is_idle = not self._entries and not self._searches

    def _revise(self, wanted: ResourceSet, edits: Mapping[str, Resource | None]) -> ResourceSet:
        """The same set for the same replacements."""
        key = (id(wanted), frozenset((name, id(each)) for name, each in edits.items()))
        found = self._revised.get(key)
        if found is None:
            found = self._revised[key] = (wanted, edits, revise(wanted, edits))  # alive: their ids are in the key
            if len(self._revised) > _REVISED:
                self._revised.popitem(last=False)
        return found[2]


def _new(refusal: Refusal) -> Iterator[tuple[str, Resource]]:
    """What was new to the connection."""
    good = refusal.good.resources
    for name, each in refusal.sent.resources.items():
        if each.body and _is_other(good, each):
            yield name, each


def _took_the_rest(message: str) -> bool:
    """Whether Envoy says that it refused some resources of a response and took the others."""
    return message.startswith("Error adding/updating ")


def _holds(wanted: ResourceSet, names: Iterable[str], versions: Mapping[str, Resource]) -> bool:
    """Whether it has these versions of all these names."""
    found = wanted.resources
    return all((each := found.get(name)) is not None and each.version == versions[name].version for name in names)


def _is_other(had: Mapping[str, Resource], each: Resource) -> bool:
    before = had.get(each.name)
    return before is None or before.version != each.version


def _concerns(entry: Entry, by: str) -> bool:
    """Whether it is for this connection to say that it is over: others of the class may be meant another version."""
    return by in entry.members or not entry.members
