"""The declared objects, as they are.

In: events. Out: a new store that shares everything unchanged, and what really changed. Knows no kind in particular.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from pilot.model.draft import Draft
from pilot.model.objects import Event, Object, ObjectKey

T = TypeVar("T", bound=Object)


@dataclass(frozen=True, slots=True)
class Replacement:
    """One object before and after; None where it is not there. Both equal: what it means is to be computed again."""

    key: ObjectKey
    old: Object | None
    new: Object | None


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """Objects by kind, namespace, name."""

    kinds: Mapping[str, Mapping[str, Mapping[str, Object]]] = field(default_factory=dict)

    def get(self, kind: type[T], namespace: str, name: str) -> T | None:
        """One object of a class."""
        found = self.kinds.get(kind.KIND, {}).get(namespace, {}).get(name)
        return found if isinstance(found, kind) else None

    def find(self, key: ObjectKey) -> Object | None:
        """One object by key."""
        return self.kinds.get(key.kind, {}).get(key.namespace, {}).get(key.name)

    def all(self) -> Iterator[Object]:
        """Every object."""
        for namespaces in self.kinds.values():
            for names in namespaces.values():
                yield from names.values()

    def of(self, kind: type[T]) -> Iterator[T]:
        """Every object of a class."""
        for names in self.kinds.get(kind.KIND, {}).values():
            for each in names.values():
                if isinstance(each, kind):
                    yield each

    def in_namespace(self, namespace: str) -> Iterator[Object]:
        """Every object of a namespace, of all kinds."""
        for namespaces in self.kinds.values():
            yield from namespaces.get(namespace, {}).values()

    def __len__(self) -> int:
        return sum(len(names) for namespaces in self.kinds.values() for names in namespaces.values())


def apply_events(store: ObjectStore, events: Iterable[Event]) -> tuple[ObjectStore, tuple[Replacement, ...]]:
    """The store after the events, and for each object that is not equal to what it was, before and after."""
    touched: dict[ObjectKey, tuple[Object | None, Object | None]] = {}
    for event in events:
        before = touched[event.key][0] if event.key in touched else store.find(event.key)
        touched[event.key] = (before, event.object)
    replaced = tuple(Replacement(key, old, new) for key, (old, new) in touched.items() if old != new)
    return replace_objects(store, replaced), replaced


def replace_objects(store: ObjectStore, replaced: tuple[Replacement, ...]) -> ObjectStore:
    """The store after the replacements; the same one where there are none."""
    if not replaced:
        return store
    drafts: dict[tuple[str, str], Draft[str, Object]] = {}
    for each in replaced:
        place = (each.key.kind, each.key.namespace)
        if place not in drafts:
            drafts[place] = Draft(store.kinds.get(place[0], {}).get(place[1], {}))
        drafts[place].set(each.key.name, each.new)
    kinds: dict[str, Draft[str, Mapping[str, Object]]] = {}
    for (kind, namespace), draft in drafts.items():
        if kind not in kinds:
            kinds[kind] = Draft(store.kinds.get(kind, {}))
        kinds[kind].set(namespace, draft.finish() or None)
    outer: Draft[str, Mapping[str, Mapping[str, Object]]] = Draft(store.kinds)
    for kind, namespaces in kinds.items():
        outer.set(kind, namespaces.finish() or None)
    return ObjectStore(outer.finish())
