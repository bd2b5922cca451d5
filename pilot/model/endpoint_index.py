"""What stands behind each service, all sources together.

In: parts, each the endpoints that one slice, pod or entry contributes to a service. Out: one `ServiceEndpoints` for
each service, the same object as long as it says the same. Does not know how parts are made.
Source: xDS behaviour 2.4, 6.1 (shards), 1.10 (what an endpoint change means).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain

from pilot.model.draft import Draft
from pilot.model.endpoint import Endpoint
from pilot.model.service_index import DeclaredKey, ServiceKey

SLICE_KINDS = frozenset({"EndpointSlice", "Endpoints"})
PartKey = tuple[str, ...]
"""Provider, cluster, then what puts parts of one registry in order. The last two name a declared object."""
Part = tuple[Endpoint, ...]
Parts = Mapping[PartKey, Part]
"""In order of the keys."""


@dataclass(frozen=True, slots=True)
class ServiceEndpoints:
    """Everything behind one service, of all ports."""

    endpoints: tuple[Endpoint, ...] = ()
    """In shard order: provider, cluster, then the registry's own order."""
    accounts: tuple[str, ...] = ()
    """SPIFFE ids of the endpoints, sorted."""
    plaintext: bool = True
    """Some endpoint does not do Istio's mutual TLS, or there is none."""


NO_ENDPOINTS = ServiceEndpoints()


@dataclass(frozen=True, slots=True)
class EndpointIndex:
    """Endpoints of all services, and which objects they come from."""

    endpoints: Mapping[ServiceKey, ServiceEndpoints] = field(default_factory=dict)
    """Only services that have any."""
    parts: Mapping[ServiceKey, Parts] = field(default_factory=dict)
    slices: Mapping[tuple[str, str], frozenset[DeclaredKey]] = field(default_factory=dict)
    """Slices and Endpoints objects by namespace and name of their Service."""
    dependents: Mapping[tuple[str, str], frozenset[DeclaredKey]] = field(default_factory=dict)
    """Slices and Endpoints objects by `(namespace, name)` of a Pod they name, or `("", address)`."""


@dataclass(frozen=True, slots=True)
class EndpointChange:
    """The endpoints of one service before and after."""

    service: ServiceKey
    old: ServiceEndpoints
    new: ServiceEndpoints

    @property
    def is_structural(self) -> bool:
        """Whether more than endpoint resources depends on it: first endpoints, other identities, mTLS or not."""
        return (
            (not self.old.endpoints and bool(self.new.endpoints))
            or self.old.accounts != self.new.accounts
            or self.old.plaintext != self.new.plaintext
        )


def keep_unchanged(old: Part, new: Part) -> Part:
    """The new part with every endpoint that equals one of the old part replaced by that one."""
    if old == new:
        return old
    known = {(each.addresses, each.port_name): each for each in old}
    kept = ((known.get((each.addresses, each.port_name)), each) for each in new)
    return tuple(before if before == each and before is not None else each for before, each in kept)


def combine(parts: Parts) -> ServiceEndpoints:
    """All parts of a service, which are in order. In several slices the same address and port name counts once."""
    endpoints = tuple(chain.from_iterable(parts.values()) if _is_disjoint(parts) else _unique_in_slices(parts))
    if not endpoints:
        return NO_ENDPOINTS
    return ServiceEndpoints(
        endpoints=endpoints,
        accounts=tuple(sorted({each.service_account for each in endpoints} - {""})),
        plaintext={each.tls_mode for each in endpoints} != {"istio"},
    )


def _is_disjoint(parts: Parts) -> bool:
    """Whether at most one slice lists endpoints, so that none is listed twice."""
    slices = (key for key in parts if key[-2] in SLICE_KINDS)
    return next(slices, None) is None or next(slices, None) is None


def _unique_in_slices(parts: Parts) -> Iterable[Endpoint]:
    seen: set[tuple[str, str]] = set()
    for key, part in parts.items():
        if key[-2] not in SLICE_KINDS:
            yield from part
            continue
        for each in part:
            place = (each.address, each.port_name)
            if place not in seen:
                seen.add(place)
                yield each


def _in_order(before: Parts, after: Parts) -> Parts:
    """The parts after an edit of those before, which are in order of their keys."""
    if len(before) == len(after) and before.keys() == after.keys():
        return after
    return dict(sorted(after.items()))


def replace_parts(
    index: EndpointIndex, replaced: Mapping[ServiceKey, Mapping[PartKey, Part]]
) -> tuple[EndpointIndex, tuple[EndpointChange, ...]]:
    """The index with these parts replaced (an empty part vanishes), and the services whose endpoints changed."""
    all_parts, all_endpoints = Draft(index.parts), Draft(index.endpoints)
    changes: list[EndpointChange] = []
    for service, edits in replaced.items():
        before = index.parts.get(service, {})
        draft = Draft(before)
        for key, part in edits.items():
            draft.set(key, keep_unchanged(before.get(key, ()), part) or None)
        after = draft.finish()
        if after is before:
            continue
        after = _in_order(before, after)
        all_parts.set(service, after or None)
        old, new = index.endpoints.get(service, NO_ENDPOINTS), combine(after)
        if old != new:
            all_endpoints.set(service, new if new.endpoints else None)
            changes.append(EndpointChange(service, old, new))
    if all_parts.finish() is index.parts:
        return index, ()
    return EndpointIndex(all_endpoints.finish(), all_parts.finish(), index.slices, index.dependents), tuple(changes)
