"""Which of several resources a client refuses, where it does not say: they are sent again in ever smaller groups.

In: the names of what was new in a refused response, then verdicts on one group after another. Out: the group to be
sent next, beside what is known to be good; in the end those that are refused by themselves. Sends nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

ROUNDS = 200
"""Groups that are sent at most. Arbitrary: enough for a dozen bad ones among ten thousand; then what is left is bad."""


@dataclass(frozen=True, slots=True)
class Bisection:
    """A search. `groups`: what is still to be judged; the first one is being sent."""

    groups: tuple[tuple[str, ...], ...]
    culprits: tuple[str, ...] = ()
    rounds: int = 0

    @property
    def trying(self) -> frozenset[str]:
        """What is to be sent now, beside what is good."""
        return frozenset(self.groups[0]) if self.groups else frozenset()

    @property
    def suspects(self) -> frozenset[str]:
        """Everything that is not judged yet."""
        return frozenset(name for group in self.groups for name in group)

    @property
    def is_over(self) -> bool:
        """Everything is judged."""
        return not self.groups

    def accepted(self) -> "Bisection":
        """The group was taken: all of it is good."""
        return replace(self, groups=self.groups[1:], rounds=self.rounds + 1)

    def refused(self) -> "Bisection":
        """The group was refused: a part of it is to blame, or all of it."""
        group, *others = self.groups
        rounds = self.rounds + 1
        if rounds >= ROUNDS:
            return Bisection((), (*self.culprits, *sorted(self.suspects)), rounds)
        if len(group) == 1:
            return Bisection(tuple(others), (*self.culprits, *group), rounds)
        return Bisection((*_halves(group), *others), self.culprits, rounds)

    def without(self, names: Iterable[str]) -> "Bisection":
        """These are judged, or gone, for other reasons."""
        gone = frozenset(names)
        kept = (tuple(name for name in group if name not in gone) for group in self.groups)
        return replace(self, groups=tuple(filter(None, kept)))


def begin(names: Iterable[str]) -> Bisection:
    """Some of these are refused. One by itself is known to be."""
    every = tuple(names)
    return Bisection((), every) if len(every) == 1 else Bisection(_halves(every))


def _halves(names: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    middle = (len(names) + 1) // 2
    return tuple(filter(None, (names[:middle], names[middle:])))
