"""What has been read from an API server, and what of it the feed does not know yet.

In: what reflectors receive, by kind. Out: merged events: of several changes of one object between two batches only the
last counts, so the memory is bounded by the number of objects. Of objects only the names are kept here; the values are
in the snapshot. An object that cannot be used leaves the last good one in place.
Source: Kubernetes controllers behaviour 6.1 (revision filter).
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable

import msgspec
from msgspec import Raw

from pilot.model.objects import Event, Object, ObjectKey
from pilot.model.problem import Problem
from pilot.model.revisions import REVISION
from pilot.sources.kubernetes.decode import Stored, decode_stored, key_of
from pilot.sources.kubernetes.resources import Resource, is_custom
from pilot.sources.kubernetes.trim import is_empty

_TAGGED = frozenset(("KubernetesGateway",))
"""Kinds that belong to a revision by other rules."""


class Inventory:
    """The objects of one cluster."""

    def __init__(self, revision: str = "") -> None:
        """`revision`: our own; empty: objects of every revision are ours."""
        self._revision = revision
        self._known: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        """Names by kind and namespace."""
        self._pending: dict[ObjectKey, Object | None] = {}
        self._problems: dict[ObjectKey, tuple[Problem, ...]] = {}
        self.changed = asyncio.Event()

    def adopt(self, events: Iterable[Event]) -> None:
        """Objects that are known from elsewhere: what an API server does not list of them goes."""
        for each in events:
            self._known[each.key.kind][each.key.namespace].add(each.key.name)
            self._say(each.key, each.object)

    def count(self) -> int:
        """Of objects."""
        return sum(len(names) for namespaces in self._known.values() for names in namespaces.values())

    def take(self) -> tuple[Event, ...]:
        """The changes since the last call."""
        taken, self._pending = self._pending, {}
        self.changed.clear()
        return tuple(Event(key, value) for key, value in taken.items())

    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with objects now."""
        return tuple(each for problems in self._problems.values() for each in problems)

    def store(self, resource: Resource, item: Raw) -> ObjectKey | None:
        """Takes an object as it is now; None where it is not there for us."""
        stored = decode_stored(item, resource.kind)
        if stored is None:
            return None
        key = stored.key
        if not self._is_ours(resource, stored) or (stored.object is not None and is_empty(stored.object)):
            self.remove(key)
            return None
        if stored.problems or key in self._problems:
            self._note(key, stored.problems)
        names = self._known[key.kind][key.namespace]
        if stored.object is None and (stored.fallback is None or key.name in names):
            return key if key.name in names else None  # its last good version stays
        names.add(key.name)
        self._say(key, stored.object or stored.fallback)
        return key

    def remove(self, key: ObjectKey) -> None:
        """An object is gone."""
        if key in self._problems:
            self._note(key, ())
        names = self._known[key.kind][key.namespace]
        if key.name in names:
            names.discard(key.name)
            self._say(key, None)

    def drop(self, resource: Resource, item: Raw) -> None:
        """An object is gone, as it was last."""
        try:
            self.remove(key_of(item, resource.kind))
        except msgspec.MsgspecError:
            return

    def retain(self, resource: Resource, namespace: str | None, listed: dict[str, set[str]]) -> None:
        """Removes all objects but those listed, in one namespace or everywhere."""
        kind = resource.kind.struct.KIND
        where = [namespace] if namespace is not None else list(self._known[kind])
        for each in where:
            for name in self._known[kind][each] - listed.get(each, set()):
                self.remove(ObjectKey(kind, each, name))

    def retain_namespaces(self, resource: Resource, namespaces: frozenset[str]) -> None:
        """Removes the objects of all other namespaces."""
        kind = resource.kind.struct.KIND
        for each in [each for each in self._known[kind] if each not in namespaces]:
            self.retain(resource, each, {})

    def _say(self, key: ObjectKey, value: Object | None) -> None:
        self._pending[key] = value
        self.changed.set()

    def _note(self, key: ObjectKey, problems: tuple[Problem, ...]) -> None:
        if self._problems.get(key, ()) != problems:
            self.changed.set()
        if problems:
            self._problems[key] = problems
        else:
            self._problems.pop(key, None)

    def _is_ours(self, resource: Resource, stored: Stored) -> bool:
        """Whether an object is for our revision."""
        if not self._revision or not is_custom(resource.kind.group) or resource.kind.struct.KIND in _TAGGED:
            return True
        found = stored.object or stored.fallback
        label = found.metadata.labels.get(REVISION, "") if found is not None else ""
        return label in ("", self._revision)


class CollectionReceiver:
    """Puts what one collection holds (of one namespace, or of all) into the inventory."""

    def __init__(self, inventory: Inventory, resource: Resource, namespace: str | None = None) -> None:
        self._inventory = inventory
        self._resource = resource
        self._namespace = namespace
        self._listed: dict[str, set[str]] = {}
        self.is_listed = asyncio.Event()

    def begin(self) -> None:
        """A list begins."""
        self._listed = {}

    def add(self, items: list[Raw]) -> None:
        """A part of it."""
        for item in items:
            key = self._inventory.store(self._resource, item)
            if key is not None:
                self._listed.setdefault(key.namespace, set()).add(key.name)

    def finish(self) -> None:
        """What was not in it goes."""
        self._inventory.retain(self._resource, self._namespace, self._listed)
        self._listed = {}
        self.is_listed.set()

    def change(self, type_: str, item: Raw) -> None:
        """One change."""
        if type_ == "DELETED":
            self._inventory.drop(self._resource, item)
        else:
            self._inventory.store(self._resource, item)
