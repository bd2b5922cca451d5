"""Who sees what: exportTo of services, routes and rules.

In: `exportTo` as written, the mesh default, the namespace of the object. Out: an audience, and collections split by it.
Source: xDS behaviour 2.10.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pilot.model.interning import same_tuple

T = TypeVar("T")
EVERYONE = "*"
OWN = "."
NOBODY = "~"


@dataclass(frozen=True, slots=True)
class Audience:
    """Who sees an object: everyone, or these namespaces; nobody where there are none."""

    public: bool = False
    namespaces: frozenset[str] = frozenset()

    def includes(self, namespace: str) -> bool:
        """Whether objects of this namespace see it."""
        return self.public or namespace in self.namespaces


def audience(export_to: Iterable[str], default: Iterable[str], namespace: str) -> Audience:
    """The audience of an object of `namespace`."""
    declared = frozenset(export_to) or frozenset(default)
    if NOBODY in declared:
        return Audience()
    if EVERYONE in declared or not declared:
        return Audience(public=True)
    return Audience(namespaces=frozenset(namespace if each == OWN else each for each in declared))


@dataclass(frozen=True, slots=True)
class Visible(Generic[T]):
    """Things split by who sees them; each part keeps the order given."""

    public: tuple[T, ...] = ()
    private: Mapping[str, tuple[T, ...]] = field(default_factory=dict)
    """Seen in their own namespace, perhaps in others too."""
    exported: Mapping[str, tuple[T, ...]] = field(default_factory=dict)
    """By the namespace that sees them, which is not their own."""

    def to(self, namespace: str) -> tuple[T, ...]:
        """What a namespace sees: its private ones, those exported to it, the public ones."""
        private, exported = self.private.get(namespace, ()), self.exported.get(namespace, ())
        return same_tuple(private + exported + self.public) if private or exported else self.public

    def is_plain(self, namespace: str) -> bool:
        """Whether a namespace sees just what everybody sees."""
        return namespace not in self.private and namespace not in self.exported


def split_by_audience(
    items: Iterable[T], namespace_of: Callable[[T], str], audience_of: Callable[[T], Audience]
) -> Visible[T]:
    """The items split by who sees them."""
    public: list[T] = []
    private: dict[str, list[T]] = {}
    exported: dict[str, list[T]] = {}
    for each in items:
        seen = audience_of(each)
        if seen.public:
            public.append(each)
            continue
        own = namespace_of(each)
        for namespace in seen.namespaces:
            (private if namespace == own else exported).setdefault(namespace, []).append(each)
    return Visible(
        same_tuple(tuple(public)),
        {namespace: same_tuple(tuple(each)) for namespace, each in private.items()},
        {namespace: same_tuple(tuple(each)) for namespace, each in exported.items()},
    )
