"""What one stream wants of one type, and how a request changes that.

In: the subscription so far (None: the type is not watched yet) and what a request says. Out: a `Step`: the new
subscription, what is newly asked for (and must be answered even if it did not change), what was given up.
Values only: knows neither nonces nor resources.

Source: xDS protocol ("How the client specifies what resources to return", "Unsubscribing From Resources"); xDS
behaviour 1.8 (state of the world), 1.9 (delta). `istiod:` marks where we follow istiod beyond the protocol.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from pilot.type_urls import BY_KEY, BY_NAME, TypeUrl

EVERYTHING = "*"
"""The name that stands for every resource the server has for the client."""

NO_NAMES: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Subscription:
    """`names`: asked for one by one, never `*`. `wildcard`: whatever there is for this proxy, too."""

    names: frozenset[str] = NO_NAMES
    wildcard: bool = False
    explicit: bool = False
    """A name (or `*`) was once asked for: naming nothing no longer means everything."""

    @property
    def is_empty(self) -> bool:
        """Nothing is wanted."""
        return not self.wildcard and not self.names

    def wants(self, name: str) -> bool:
        """Whether a resource of this name is to be sent; `*`: whether everything is."""
        return self.wildcard or name in self.names


@dataclass(frozen=True, slots=True)
class Step:
    """What a request did to a subscription. `*` in `asked` or `dropped` stands for the wildcard."""

    subscription: Subscription
    asked: frozenset[str] = NO_NAMES
    dropped: frozenset[str] = NO_NAMES
    ends: bool = False
    """The type is no longer watched at all."""


def replace_names(held: Subscription | None, type_url: TypeUrl, names: frozenset[str]) -> Step:
    """State of the world: each request names everything that is wanted."""
    if held is None:
        # xDS 1.8.3: the first request of a type. xDS protocol: naming nothing means everything, but
        # xDS 1.8.2: not for types that are only ever asked for by name.
        wildcard = EVERYTHING in names or (not names and type_url not in BY_NAME)
        ends = not names and not wildcard
        return Step(_subscription(names, wildcard), names | _star(wildcard), ends=ends)
    if not names and held.wildcard and not held.explicit:
        return Step(held)  # xDS protocol: "has never explicitly subscribed to any resource names"
    # xDS protocol: once a name was given, naming nothing means wanting nothing (1.8.2).
    wildcard = EVERYTHING in names
    wanted = names - {EVERYTHING}
    asked = (wanted - held.names) | _star(wildcard and not held.wildcard)  # xDS 1.8.5: "only for the added names"
    dropped = (held.names - wanted) | _star(held.wildcard and not wildcard)
    # A type of which everything can be wanted stays watched: else the next ACK, naming nothing, would mean everything.
    ends = not names and type_url in BY_NAME
    if held.explicit and not asked and not dropped:
        return Step(held, ends=ends)  # an ACK, nearly always
    return Step(Subscription(wanted, wildcard, held.explicit or bool(names)), asked, dropped, ends)


def change_names(
    held: Subscription | None,
    type_url: TypeUrl,
    subscribe: frozenset[str],
    unsubscribe: frozenset[str],
    claimed: frozenset[str] = NO_NAMES,
) -> Step:
    """Delta: each request names the differences. `claimed`: what the client of an earlier stream says it has."""
    if held is None:
        return _first_change(type_url, subscribe, unsubscribe, claimed)
    if not subscribe and not unsubscribe:
        return Step(held)  # an ACK, nearly always
    # xDS 1.9.4; what is subscribed and unsubscribed in one request is unsubscribed.
    added = subscribe - unsubscribe
    wildcard = (held.wildcard or EVERYTHING in added) and EVERYTHING not in unsubscribe
    names = (held.names | (added - {EVERYTHING})) - unsubscribe
    # A name that is held already is asked for again: Envoy drops a resource and wants it back before it could tell us
    # the first half. istiod is silent (recorded); its next full push helps it out, minimal deltas never would.
    # xDS protocol: who names a resource that the wildcard brought is owed it all the same.
    asked = added
    if wildcard:
        # Envoy no longer knows whether the wildcard still covers such a name: it expects to be told.
        asked |= unsubscribe & held.names
    dropped = (unsubscribe & held.names) | _star(held.wildcard and not wildcard)
    return Step(Subscription(names, wildcard, held.explicit or bool(subscribe)), asked, dropped)


def _first_change(
    type_url: TypeUrl, subscribe: frozenset[str], unsubscribe: frozenset[str], claimed: frozenset[str]
) -> Step:
    """xDS 1.9.2: the first delta request of a type."""
    added = subscribe - unsubscribe
    by_name = type_url in BY_NAME
    wildcard = EVERYTHING in added or (not subscribe and not by_name and EVERYTHING not in unsubscribe)
    # istiod: what a client claims to have of a type asked for by name counts as subscribed (recorded).
    counts = by_name or (type_url in BY_KEY and not wildcard)
    names = added | (claimed - unsubscribe if counts else NO_NAMES)
    # What is claimed is only sent if it differs: it is wanted, but not asked for.
    asked = (added - claimed) | _star(wildcard)
    return Step(_subscription(names, wildcard, explicit=bool(subscribe)), asked)


def intern_names(step: Step, same: Callable[[frozenset[str]], frozenset[str]]) -> Step:
    """The same step with one shared object for equal sets of names."""
    names = same(step.subscription.names)
    asked = names if step.asked == names else step.asked
    return replace(step, subscription=replace(step.subscription, names=names), asked=asked)


def _subscription(names: frozenset[str], wildcard: bool, explicit: bool | None = None) -> Subscription:
    return Subscription(names - {EVERYTHING}, wildcard, bool(names) if explicit is None else explicit)


def _star(present: bool) -> frozenset[str]:
    return frozenset((EVERYTHING,)) if present else NO_NAMES
