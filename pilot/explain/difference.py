"""What a change would mean to proxies, before it is made.

In: the mesh before and after, proxies. Out: for each class of proxies and each type, names of resources that would be
new, gone or different, and how many bytes would be sent. Pure; applies nothing.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pilot import pipeline
from pilot.explain.held import Having, http_manager, parsed
from pilot.memo import Work
from pilot.model.snapshot import Snapshot
from pilot.resources import EMPTY, Resource, ResourceSet
from pilot.type_urls import CLUSTER, ENDPOINT, EXTENSION_CONFIG, LISTENER, NAME_TABLE, ROUTE, TypeUrl, short_name
from pilot.view.proxy import Proxy

_WHOLE = (CLUSTER, LISTENER, NAME_TABLE)


@dataclass(frozen=True, slots=True)
class TypeChange:
    """One type of one class."""

    type_url: TypeUrl
    added: tuple[Resource, ...] = ()
    changed: tuple[Resource, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes that a delta client would be sent."""
        return sum(len(each.body) for each in (*self.added, *self.changed)) + sum(map(len, self.removed))

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


@dataclass(slots=True)
class ClassChange:
    """Proxies that see the same: `proxy` is one of them, `count` how many there are."""

    proxy: Proxy
    count: int = 0
    types: list[TypeChange] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes for all of them."""
        return self.count * sum(each.size for each in self.types)

    def as_data(self) -> Mapping[str, Any]:
        """For JSON."""
        told = {
            short_name(each.type_url): {
                "added": [one.name for one in each.added],
                "changed": [one.name for one in each.changed],
                "removed": list(each.removed),
                "bytes": each.size,
            }
            for each in self.types
        }
        kind = self.proxy.traits.kind.value
        return {"proxy": self.proxy.id, "kind": kind, "proxies": self.count, "bytes": self.size, "types": told}


def differ(before: Snapshot, after: Snapshot, proxies: Iterable[tuple[Hashable, Proxy]]) -> Work[list[ClassChange]]:
    """What changes for whom; classes for which nothing does are left out. `proxies`: with what tells their class.

    In pieces, between which others may run.
    """
    classes: dict[Hashable, ClassChange] = {}
    for key, proxy in proxies:
        classes.setdefault(key, ClassChange(proxy)).count += 1
    for each in classes.values():
        each.types = [change for change in (yield from _changes(before, after, each.proxy)) if change]
    return [each for each in classes.values() if each.types]


def _changes(before: Snapshot, after: Snapshot, proxy: Proxy) -> Work[list[TypeChange]]:
    found = []
    for type_url in (*_WHOLE, ENDPOINT, ROUTE, EXTENSION_CONFIG):
        had = yield from _held(before, proxy, type_url)
        has = yield from _held(after, proxy, type_url)
        found.append(_compare(type_url, had, has))
        yield
    return found


def _held(snapshot: Snapshot, proxy: Proxy, type_url: TypeUrl) -> Work[ResourceSet]:
    names = None if type_url in _WHOLE else (yield from _names(snapshot, proxy, type_url))
    return (yield from pipeline.steps(snapshot, proxy, type_url, names)) or EMPTY


def _names(snapshot: Snapshot, proxy: Proxy, type_url: TypeUrl) -> Work[frozenset[str]]:
    """What an Envoy would ask for: its clusters' endpoints, its listeners' routes and extensions."""
    found: set[str] = set()
    if type_url == ENDPOINT:
        for resource in (yield from _held(snapshot, proxy, CLUSTER)).resources.values():
            yield
            cluster = parsed(CLUSTER, resource.body)
            if cluster.type == _EDS:
                found.add(cluster.eds_cluster_config.service_name or cluster.name)
    if type_url == ROUTE:
        for each in (yield from Having(snapshot, proxy).listeners()):
            found.update(_routes_of(each.message))
    return frozenset(found)


_EDS = 3


def _routes_of(listener: Any) -> Iterable[str]:
    for chain in (*listener.filter_chains, listener.default_filter_chain):
        for each in chain.filters:
            manager = http_manager(each)
            if manager is not None and manager.rds.route_config_name:
                yield manager.rds.route_config_name


def _compare(type_url: TypeUrl, had: ResourceSet, has: ResourceSet) -> TypeChange:
    old, new = had.resources, has.resources
    return TypeChange(
        type_url,
        tuple(each for name, each in new.items() if name not in old),
        tuple(each for name, each in new.items() if name in old and old[name].version != each.version),
        tuple(name for name in old if name not in new),
    )
