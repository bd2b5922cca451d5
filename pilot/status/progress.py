"""How far one object has come: which proxies have something of it, and which of them have accepted that.

In: a snapshot, the streams of connected proxies, what each is to have now. Out: numbers, and who lags and why.
"""

from collections.abc import Callable, Iterable
from typing import Any

from pilot.memo import Work
from pilot.model.objects import Object, ObjectKey
from pilot.model.snapshot import Snapshot
from pilot.resources import Origin, ResourceSet
from pilot.sources.kinds import KINDS
from pilot.status import acknowledgement
from pilot.type_urls import TypeUrl
from pilot.xds.discovery import Connection

Held = Callable[[Any, TypeUrl, frozenset[str] | None], Work[ResourceSet | None]]
"""What a proxy is to have of a type now (names; None: all of it). None: it is not served the type."""


def find_object(snapshot: Snapshot, kind: str, namespace: str, name: str) -> Object | None:
    """An object by its kind in any case, also in the plural: `virtualservices`."""
    for each in KINDS.values():
        if kind.lower() in (each.name.lower(), f"{each.name.lower()}s", each.struct.KIND.lower()):
            found = snapshot.objects.find(ObjectKey(each.struct.KIND, namespace if each.namespaced else "", name))
            if found is not None:
                return found
    return None


def of_object(
    snapshot: Snapshot, connections: Iterable[Connection], held: Held, kind: str, namespace: str, name: str
) -> Work[dict[str, Any] | None]:
    """Proxies that have something of an object, how many of them have accepted it, who has not; None: there is none.

    In pieces, between which others may run.
    """
    found = find_object(snapshot, kind, namespace, name)
    if found is None:
        return None
    seen: dict[int, tuple[ResourceSet | None, bool]] = {}

    def has(made: ResourceSet | None) -> bool:
        key = id(made)
        if key not in seen:  # proxies of one class hold the same set; it is kept alive so that its id stays its own
            seen[key] = made, _mentions(made, found.origin)
        return seen[key][1]

    using, behind = 0, []
    for each in connections:
        versions: dict[TypeUrl, str | None] = {}
        for row in each.watches:
            if row.wildcard or row.names:
                made = yield from held(each.proxy, row.type_url, None if row.wildcard else row.names)
                if has(made):
                    versions[row.type_url] = _version(made)
        if versions:
            using += 1
            rows = (row for row in each.watches if row.type_url in versions)
            lag = acknowledgement.lag_of(each, rows, lambda _, url, __, known=versions: known[url])  # type: ignore[misc]
            if lag is not None:
                behind.append({"proxy": lag.proxy, "types": list(lag.types), "reason": lag.reason, "error": lag.error})
    return {
        "kind": found.origin.kind,
        "namespace": found.namespace,
        "name": found.name,
        "generation": found.metadata.generation,
        "proxies": using,
        "acknowledged": using - len(behind),
        "live": not behind,
        "behind": behind,
    }


def _mentions(made: ResourceSet | None, origin: Origin) -> bool:
    return made is not None and any(origin in each.origins for each in made.resources.values())


def _version(made: ResourceSet | None) -> str | None:
    return made.version if made is not None else None
