"""Editing of immutable mappings: what is not changed stays the same object.

In: a mapping and edits. Out: the same mapping where no edit mattered, else a new one that shares all values. Drafts
live inside one function; nothing that is edited is ever seen by anybody else.
"""

from collections.abc import Hashable, Iterator, Mapping
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
S = TypeVar("S", bound=Hashable)

_ABSENT: object = object()


class Draft(Generic[K, V]):
    """A mapping under edit: copied at the first change that matters."""

    __slots__ = ("_base", "_edited")

    def __init__(self, base: Mapping[K, V]) -> None:
        self._base = base
        self._edited: dict[K, V] | None = None

    def get(self, key: K) -> V | None:
        """The value now, None where there is none."""
        return (self._base if self._edited is None else self._edited).get(key)

    def items(self) -> Iterator[tuple[K, V]]:
        """All entries as they are now."""
        return iter((self._base if self._edited is None else self._edited).items())

    def put(self, key: K, value: V) -> None:
        """Sets an entry; the object that is there already changes nothing."""
        if self._edited is None:
            if self._base.get(key, _ABSENT) is value:
                return
            self._edited = dict(self._base)
        self._edited[key] = value

    def remove(self, key: K) -> None:
        """Drops an entry, if there is one."""
        if self._edited is None:
            if key not in self._base:
                return
            self._edited = dict(self._base)
        self._edited.pop(key, None)

    def set(self, key: K, value: V | None) -> None:
        """Sets an entry, or drops it where the value is None."""
        if value is None:
            self.remove(key)
        else:
            self.put(key, value)

    def finish(self) -> Mapping[K, V]:
        """The result: the base itself where nothing changed."""
        return self._base if self._edited is None else self._edited


class NestedDraft(Generic[S, K, V]):
    """A mapping of mappings under edit: only the inner ones that change are copied; empty ones vanish."""

    __slots__ = ("_base", "_inner")

    def __init__(self, base: Mapping[S, Mapping[K, V]]) -> None:
        self._base = base
        self._inner: dict[S, Draft[K, V]] = {}

    def get(self, outer: S, key: K) -> V | None:
        """The value now, None where there is none."""
        draft = self._inner.get(outer)
        if draft is not None:
            return draft.get(key)
        inner = self._base.get(outer)
        return None if inner is None else inner.get(key)

    def set(self, outer: S, key: K, value: V | None) -> None:
        """Sets an entry, or drops it where the value is None."""
        draft = self._inner.get(outer)
        if draft is None:
            draft = self._inner[outer] = Draft(self._base.get(outer, {}))
        draft.set(key, value)

    def finish(self) -> Mapping[S, Mapping[K, V]]:
        """The result: the base itself where nothing changed."""
        outer: Draft[S, Mapping[K, V]] = Draft(self._base)
        for key, draft in self._inner.items():
            outer.set(key, draft.finish() or None)
        return outer.finish()


class SetDraft(Generic[K, V]):
    """A mapping of sets under edit: additions and removals are collected, each set is replaced once."""

    __slots__ = ("_added", "_base", "_removed")

    def __init__(self, base: Mapping[K, frozenset[V]]) -> None:
        self._base = base
        self._added: dict[K, set[V]] = {}
        self._removed: dict[K, set[V]] = {}

    def add(self, key: K, member: V) -> None:
        """Makes `member` part of the set of `key`."""
        self._removed.get(key, set()).discard(member)
        self._added.setdefault(key, set()).add(member)

    def remove(self, key: K, member: V) -> None:
        """Takes `member` out of the set of `key`."""
        self._added.get(key, set()).discard(member)
        self._removed.setdefault(key, set()).add(member)

    def finish(self) -> Mapping[K, frozenset[V]]:
        """The result; sets that became empty vanish."""
        if not self._base:  # a whole mesh at once: nothing can be taken out of it
            return {key: frozenset(members) for key, members in self._added.items() if members} or self._base
        draft: Draft[K, frozenset[V]] = Draft(self._base)
        for key in self._added.keys() | self._removed.keys():
            old, added = self._base.get(key), self._added.get(key, ())
            new = frozenset(added) if old is None else (old - self._removed.get(key, set())).union(added)
            if new != (old or frozenset()):
                draft.set(key, new or None)
        return draft.finish()
