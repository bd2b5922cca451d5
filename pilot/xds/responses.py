"""Response bodies, computed and serialized once for all streams that need the same one.

In: the set a stream was sent, the set it is to have, what it asks for by name. Out: a `Body`: bytes without nonce and
the names in them. Streams of one class hold the very same sets, so bodies are found by identity; the bytes are shared
and each stream appends its nonce. Classes that differ in little share most chunks of their bodies. Sends nothing and
knows no stream.

Source: xDS behaviour 1.7-1.9; xDS protocol ("Grouping Resources into Responses", "Deleting Resources").
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress
from operator import is_not
from typing import Generic, TypeVar

from pilot.resources import EMPTY, Resource, ResourceSet
from pilot.type_urls import BY_KEY, BY_NAME, TypeUrl
from pilot.xds import warming, wire
from pilot.xds.subscription import EVERYTHING, Subscription

T = TypeVar("T")

DEFAULT_BUDGET = 64 << 20
"""Bytes of bodies kept for streams still to come. Arbitrary: the full answers of a large mesh, many times over."""

TURNS = 2
"""Changes of the mesh that something outlives unused. Arbitrary: pushes overlap."""

RUN = 32
"""Resources in a chunk, on average. Arbitrary: fewer share more, more need less bookkeeping."""

PIECE = 16
"""Chunks that are made in one piece of the work. Arbitrary: half a millisecond."""

LARGE = 16 << 10
"""Bytes of a resource that is not copied into a chunk but is one itself: routes of a whole mesh. Arbitrary."""


@dataclass(frozen=True, slots=True)
class Body:
    """A response without its nonce. Equal by identity of what it was made from: compare `names` and `removed`."""

    chunks: tuple[bytes, ...]
    """Pieces that together are the message; most are shared with the bodies of other classes."""
    names: tuple[str, ...] = ()
    """Of the resources in it."""
    removed: tuple[str, ...] = ()
    """What the client is told to drop, by name (delta) or by absence."""
    updated: tuple[str, ...] = ()
    """Those of `names` that are new to the client, or changed, or asked for."""

    @property
    def data(self) -> bytes:
        """The message in one piece."""
        return b"".join(self.chunks)

    @property
    def size(self) -> int:
        """Bytes of `data`."""
        return sum(map(len, self.chunks))

    @property
    def is_empty(self) -> bool:
        """It tells nothing."""
        return not self.names and not self.removed


@dataclass(frozen=True, slots=True)
class Difference:
    """Names that are new or have another version, in the order of the new set; names that are gone, sorted."""

    changed: tuple[str, ...]
    removed: tuple[str, ...]


class Responses:
    """Makes bodies and remembers them, the ones used last, up to a budget in bytes."""

    def __init__(self, budget: int = DEFAULT_BUDGET) -> None:
        self._chunks: _Shared[bytes] = _Shared(budget // 2, self._weigh)
        self._bodies: _Shared[Body] = _Shared(budget // 2, self._charge)
        self._encoded = 0
        self._differences: _Shared[Difference] = _Shared(budget // 16, lambda found: 64 * len(found.changed))
        self._endpoints: _Shared[frozenset[str]] = _Shared(budget // 16, lambda names: 64 * len(names))
        self._prepared = EMPTY

    def turn(self) -> None:
        """The mesh changed: what was not needed since it changed a few times is forgotten, and with it old sets."""
        for each in (self._chunks, self._bodies, self._differences, self._endpoints):
            each.turn()

    def difference(self, old: ResourceSet, new: ResourceSet) -> Difference:
        """What has to be said to a client that has `old` so that it has `new`."""
        return self._differences.get((id(old), id(new)), (old, new), lambda: _difference(old, new))

    def delta(
        self,
        type_url: TypeUrl,
        old: ResourceSet,
        new: ResourceSet,
        asked: frozenset[str],
        wanted: Subscription,
        clusters: ResourceSet | None = None,
    ) -> Body:
        """The minimal DeltaDiscoveryResponse from `old` to `new`, and what is `asked` for even if unchanged.

        A name asked for that does not exist is told as removed (xDS protocol: otherwise the client waits for ever).
        `clusters`: see `version_on_wire`.
        """
        found = self.difference(old, new)
        removed = found.removed
        if removed and not wanted.wildcard and type_url not in BY_KEY:  # a name that was given up is not news
            removed = tuple(name for name in removed if name in wanted.names)
        key = ("delta", type_url, id(old), id(new), asked, removed, id(clusters))
        return self._bodies.get(
            key,
            (old, new, clusters),
            lambda: _delta(type_url, new, found.changed, removed, asked, clusters, self._delta_chunks),
        )

    def prepare_delta(self, new: ResourceSet) -> Iterator[None]:
        """Makes what a first answer with all of `new` is put together of, in pieces; once for all streams."""
        if new is not self._prepared:
            for number, _ in enumerate(self._delta_chunks(list(new.resources.values()), None), 1):
                if number % PIECE == 0:
                    yield
            self._prepared = new

    def sotw(self, type_url: TypeUrl, old: ResourceSet, new: ResourceSet, asked: frozenset[str]) -> Body:
        """The DiscoveryResponse from `old` to `new`: of a type asked for by name only what is new, changed or `asked`
        for (the protocol allows it), of every other type the full list or nothing.
        """
        found = self.difference(old, new)
        partial = type_url in BY_NAME
        make = _partial if partial else _full
        return self._bodies.get(
            ("sotw", type_url, id(old), id(new), asked),
            (old, new),
            lambda: make(type_url, new, found, asked, self._sotw_chunks),
        )

    def _weigh(self, chunk: bytes) -> int:
        self._encoded += len(chunk)
        return len(chunk)

    def _charge(self, body: Body) -> int:
        """What a body adds to what others hold already: the chunks that were made for it."""
        fresh, self._encoded = self._encoded, 0
        return fresh + 64 * (len(body.names) + len(body.chunks))

    def _delta_chunks(self, resources: Sequence[Resource], clusters: ResourceSet | None) -> Iterator[bytes]:
        for run in _runs(resources):
            versions = tuple([version_on_wire(each, clusters) for each in run])
            if _is_large(run):
                yield from wire.around_delta(run[0], versions[0])
                continue
            # without clusters the version of a resource is its own: the resource alone tells it
            key = (tuple(map(id, run)), versions if clusters is not None else "delta")
            yield self._chunks.get(key, run, partial(wire.encode_delta, run, versions))

    def _sotw_chunks(self, resources: Sequence[Resource]) -> Iterator[bytes]:
        for run in _runs(resources):
            if _is_large(run):
                yield from wire.around_sotw(run[0])
            else:
                yield self._chunks.get((tuple(map(id, run)), "sotw"), run, partial(wire.encode_sotw, run))

    def endpoints_behind(self, body: Body, clusters: ResourceSet) -> frozenset[str]:
        """Names of the endpoint resources that the updated clusters of a body wait for."""
        return self._endpoints.get(
            (id(body), id(clusters)), (body, clusters), lambda: warming.endpoints_behind(clusters, body.updated)
        )


def claimed(
    type_url: TypeUrl,
    claims: Mapping[str, str],
    new: ResourceSet,
    asked: frozenset[str],
    wanted: Subscription,
    clusters: ResourceSet | None = None,
) -> Body:
    """The first DeltaDiscoveryResponse to a client that says what it has from an earlier stream, version by name.

    Not shared: clients differ in what they missed, and what is left to say is little.
    """
    if clusters is None:
        changed = tuple([name for name, each in new.resources.items() if claims.get(name) != each.version])
    else:
        changed = tuple(
            name
            for name, each in new.resources.items()
            # Endpoints of a cluster that has another name than they: the version cannot tell whether it waits for them.
            if claims.get(name) != version_on_wire(each, clusters) or name not in clusters
        )
    removed = tuple(sorted(name for name in claims.keys() - new.resources.keys() if wanted.wants(name)))
    return _delta(type_url, new, changed, removed, asked, clusters, _own_chunk)


def version_on_wire(resource: Resource, clusters: ResourceSet | None) -> str:
    """The version a delta client is to remember: the content hash; of endpoints, also that of their cluster.

    An updated cluster warms until its endpoints come again, though they did not change. If the stream breaks in
    between, the client comes back with the new cluster and the old endpoints: their version then tells that they were
    never sent for this cluster. `clusters`: what the stream was sent of clusters; None for other types.
    """
    cluster = clusters.resources.get(resource.name) if clusters is not None else None
    return f"{resource.version}.{cluster.version}" if cluster else resource.version


def _difference(old: ResourceSet, new: ResourceSet) -> Difference:
    had, has = old.resources, new.resources
    changed, common = [], len(has)
    for name in compress(has, map(is_not, has.values(), map(had.get, has))):  # nearly all are the same: that is C
        before = had.get(name)
        common -= before is None
        if before is None or before.version != has[name].version:
            changed.append(name)
    return Difference(tuple(changed), tuple(sorted(had.keys() - has.keys())) if common < len(had) else ())


def _delta(
    type_url: TypeUrl,
    new: ResourceSet,
    changed: Iterable[str],
    removed: Iterable[str],
    asked: frozenset[str],
    clusters: ResourceSet | None,
    chunks: Callable[[Sequence[Resource], ResourceSet | None], Iterable[bytes]],
) -> Body:
    names = _updated(new, changed, asked)
    missing = _missing(asked, new)
    gone = tuple(sorted({*removed, *missing}))
    frame = wire.encode_frame(type_url, new.version, gone)
    return Body((frame, *chunks([new[name] for name in names], clusters)), names, gone, names)


def _own_chunk(resources: Sequence[Resource], clusters: ResourceSet | None) -> Iterable[bytes]:
    yield wire.encode_delta(resources, [version_on_wire(each, clusters) for each in resources])


def _runs(resources: Sequence[Resource]) -> Iterator[tuple[Resource, ...]]:
    """The resources in runs that end at certain ones, whatever is before or after: lists that are alike share runs.

    A large one is alone.
    """
    start = 0
    for position, each in enumerate(resources, 1):
        is_large = len(each.body) >= LARGE
        if is_large and start < position - 1:
            yield tuple(resources[start : position - 1])
            start = position - 1
        if is_large or each.mark % RUN == 0 or position == len(resources):
            yield tuple(resources[start:position])
            start = position


def _is_large(run: Sequence[Resource]) -> bool:
    return len(run[0].body) >= LARGE


def _updated(new: ResourceSet, changed: Iterable[str], asked: frozenset[str]) -> tuple[str, ...]:
    """In the order of the set."""
    if EVERYTHING in asked:
        return tuple(new)
    chosen = asked.union(changed)
    return tuple(name for name in new if name in chosen)


def _missing(asked: frozenset[str], new: ResourceSet) -> set[str]:
    missing = {name for name in asked if name not in new and name != EVERYTHING}
    if missing:
        missing.difference_update(alias for each in new.resources.values() for alias in each.aliases)
    return missing


_Chunks = Callable[[Sequence[Resource]], Iterable[bytes]]


def _partial(type_url: TypeUrl, new: ResourceSet, found: Difference, asked: frozenset[str], chunks: _Chunks) -> Body:
    names = _updated(new, found.changed, asked)
    frame = wire.encode_frame(type_url, new.version)
    return Body((frame, *chunks([new[name] for name in names])), names, (), names)


def _full(type_url: TypeUrl, new: ResourceSet, found: Difference, asked: frozenset[str], chunks: _Chunks) -> Body:
    everything = (wire.encode_frame(type_url, new.version), *chunks(list(new.resources.values())))
    if not (asked or found.changed or found.removed):
        return Body(everything)
    return Body(everything, tuple(new), found.removed, _updated(new, found.changed, asked))


class _Shared(Generic[T]):
    """Values by key, the ones used last, up to a budget. An entry keeps alive what its key identifies by `id`."""

    def __init__(self, budget: int, cost: Callable[[T], int]) -> None:
        self._entries: OrderedDict[object, tuple[object, T, int]] = OrderedDict()
        self._used: dict[object, int] = {}
        self._turn = 0
        self._budget = budget
        self._spent = 0
        self._cost = cost

    def get(self, key: object, alive: object, make: Callable[[], T]) -> T:
        """The remembered value, else a new one."""
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
            self._used[key] = self._turn
            return found[1]
        value = make()
        cost = self._cost(value) + 256  # an entry without bytes costs its tuple, key and links
        self._entries[key] = (alive, value, cost)
        self._used[key] = self._turn
        self._spent += cost
        while self._spent > self._budget and len(self._entries) > 1:
            self._drop_oldest()
        return value

    def turn(self) -> None:
        """Drops what was not asked for in the last turns."""
        self._turn += 1
        while self._entries and self._used[next(iter(self._entries))] < self._turn - TURNS:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        key, (_, _, freed) = self._entries.popitem(last=False)
        del self._used[key]
        self._spent -= freed
