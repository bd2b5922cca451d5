"""Host names as configuration writes them: short names, wildcards, most specific matches.

In: host names and patterns (`a.b`, `*.b`, `*`). Out: answers and indexes. Knows no services.
Source: xDS behaviour 2.12, 5.2 (intersection).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


def resolve_short_name(host: str, namespace: str, domain: str) -> str:
    """The full name of `host` as an object of `namespace` means it: a name without a dot is a service there."""
    if "." in host or ":" in host or host == "*" or not host:
        return host
    return f"{host}.{namespace}.svc.{domain}" if namespace else host


def is_wildcard(host: str) -> bool:
    """Whether this is a pattern: `*` or `*.something`."""
    return host.startswith("*")


def covers(pattern: str, host: str) -> bool:
    """Whether every name that `host` stands for is one that `pattern` stands for."""
    if pattern.startswith("*"):
        return host.endswith(pattern[1:]) and (len(host) >= len(pattern) or len(pattern) == 1)
    return pattern == host


def overlaps(one: str, other: str) -> bool:
    """Whether some name fits both patterns."""
    return covers(one, other) or covers(other, one)


def intersect(one: str, other: str) -> str | None:
    """The more specific of two overlapping patterns, None where they have no name in common."""
    if covers(one, other):
        return other
    return one if covers(other, one) else None


def specificity(pattern: str) -> tuple[bool, int, str]:
    """Sort key: exact names before wildcards, longer before shorter, then alphabetical."""
    return (is_wildcard(pattern), -len(pattern), pattern)


@dataclass(frozen=True, slots=True, eq=False)
class HostIndex(Generic[T]):
    """Values by host pattern, found by the most specific pattern that covers a host."""

    exact: Mapping[str, T]
    wildcards: tuple[tuple[str, T], ...]
    """Most specific first."""

    @classmethod
    def of(cls, items: Iterable[tuple[str, T]]) -> "HostIndex[T]":
        """An index of (pattern, value); of two with one pattern the first counts."""
        exact: dict[str, T] = {}
        wild: dict[str, T] = {}
        for pattern, value in items:
            (wild if is_wildcard(pattern) else exact).setdefault(pattern, value)
        return cls(exact, tuple((each, wild[each]) for each in sorted(wild, key=specificity)))

    def find(self, host: str) -> T | None:
        """The value of the most specific pattern that covers `host` (which may be a wildcard itself)."""
        found = self.exact.get(host)
        if found is not None:
            return found
        for pattern, value in self.wildcards:
            if covers(pattern, host):
                return value
        return None


@dataclass(frozen=True, slots=True, eq=False)
class OverlapIndex:
    """Positions of things that have host patterns, found by a host without looking at all of them."""

    exact: Mapping[str, tuple[int, ...]]
    wildcards: Mapping[str, tuple[int, ...]]
    irregular: tuple[str, ...]
    """Wildcards whose star does not stand for whole labels: `*-a.com`."""

    @classmethod
    def of(cls, patterns: Iterable[tuple[str, int]]) -> "OverlapIndex":
        """An index of (pattern in lower case, position)."""
        found: dict[str, list[int]] = {}
        for pattern, position in patterns:
            found.setdefault(pattern, []).append(position)
        exact = {each: tuple(found[each]) for each in found if not is_wildcard(each)}
        wildcards = {each: tuple(found[each]) for each in found if is_wildcard(each)}
        return cls(exact, wildcards, tuple(each for each in wildcards if each != "*" and not each.startswith("*.")))

    def overlapping(self, host: str) -> Iterator[int]:
        """Where a pattern has a name in common with `host`, a name or a wildcard in lower case; may repeat itself."""
        if is_wildcard(host):
            for pattern, positions in (*self.exact.items(), *self.wildcards.items()):
                if overlaps(pattern, host):
                    yield from positions
            return
        yield from self.exact.get(host, ())
        yield from self.wildcards.get("*", ())
        dot = host.find(".")
        while dot >= 0:
            yield from self.wildcards.get(f"*{host[dot:]}", ())
            dot = host.find(".", dot + 1)
        for pattern in self.irregular:
            if covers(pattern, host):
                yield from self.wildcards[pattern]
