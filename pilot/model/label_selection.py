"""Which of many selectors match some labels, without trying them all.

In: values with the labels that they select. Out: an index. A selector is filed under one of its labels, so a look-up
tries only those that share a label with the workload.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
_Entry = tuple[int, frozenset[tuple[str, str]], T]


def matches(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether the labels have all that is selected; an empty selector matches everything."""
    return selector.items() <= labels.items()


@dataclass(frozen=True, slots=True)
class SelectorIndex(Generic[T]):
    """Values by what they select, in the order given; a value that selects nothing in particular is not in here."""

    by_label: Mapping[tuple[str, str], tuple[_Entry[T], ...]]

    @classmethod
    def of(cls, items: Iterable[tuple[Mapping[str, str], T]]) -> "SelectorIndex[T]":
        """An index of (selected labels, value)."""
        filed: dict[tuple[str, str], list[_Entry[T]]] = {}
        for position, (selector, value) in enumerate(items):
            if selector:
                filed.setdefault(min(selector.items()), []).append((position, frozenset(selector.items()), value))
        return cls({label: tuple(entries) for label, entries in filed.items()})

    def matching(self, labels: Mapping[str, str]) -> list[T]:
        """The values that select these labels, in the order given."""
        pairs = labels.items()
        found = [
            entry for pair in pairs for entry in self.by_label.get(pair, ()) if all(each in pairs for each in entry[1])
        ]
        found.sort(key=lambda entry: entry[0])
        return [value for _, _, value in found]
