"""The endpoints that one class of proxies gets over EDS: only what was asked for by name.

In: a view and cluster names. Out: a `ResourceSet`, the same object as long as nothing in it changes. Every name has an
answer. Source: xDS behaviour 6.1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, count, repeat
from operator import is_, is_not
from typing import Any

from pilot.generators.endpoints import assignment
from pilot.generators.endpoints.assignment import Target, build_unknown
from pilot.generators.endpoints.client import Client, Place, client_of, place_of
from pilot.generators.endpoints.plaintext import plaintext_of
from pilot.generators.endpoints.targets import Reached, find_targets
from pilot.memo import Work, finish, latest, memoized, sliced
from pilot.model.destination_rule import MergedRule
from pilot.model.endpoint_index import NO_ENDPOINTS, ServiceEndpoints
from pilot.model.features import Features
from pilot.model.interning import Interner, same_tuple
from pilot.model.mesh import MeshConfig
from pilot.model.network_gateways import NetworkGateways
from pilot.model.peer_authentications import PeerAuthentications
from pilot.model.service import Hostname, Service
from pilot.model.service_index import ServiceKey
from pilot.resources import Resource, ResourceSet, resource_set
from pilot.rows import PIECE
from pilot.view.proxy_view import ProxyView
from pilot.view.scope import Endpoints
from pilot.view.waypoint import Attached

_NAMES: Interner[frozenset[str]] = Interner(4096)
_SETS: Interner[ResourceSet] = Interner(128)  # arbitrary: answers that somebody may still hold


def build(view: ProxyView, names: frozenset[str]) -> ResourceSet:
    """The endpoints of these clusters; a name that means nothing gets an assignment without endpoints."""
    return finish(steps(view, names))


def steps(view: ProxyView, names: frozenset[str]) -> Work[ResourceSet]:
    """The same, in pieces."""
    names, scope = _NAMES.same(names, names), view.scope
    client, place = client_of(view), place_of(view)
    reached = (scope.by_host, scope.rules, view.ingress_waypoints, view.attachments.by_host)
    plan = yield from _plan.steps(names, *reached, client, place, view.mesh, view.features)
    rest = (view.peer_authentications, view.features, view.network_gateways)
    return (yield from _build.steps(plan, view.endpoints, *rest)).set


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """Names with what they mean: everything that does not depend on endpoints."""

    targets: tuple[Target, ...]
    keys: tuple[ServiceKey, ...]
    """Of the services behind the targets."""
    unknown: tuple[Resource, ...]
    """Answers to names that mean nothing here."""


@sliced(memoized(size=1024, passing=True))
def _plan(
    names: frozenset[str],
    by_host: Mapping[Hostname, Service],
    rules: Mapping[Hostname, MergedRule],
    waypoints: Mapping[Hostname, Service],
    attached: Mapping[Hostname, Attached],
    client: Client,
    place: Place,
    mesh: MeshConfig,
    features: Features,
) -> Work[_Plan]:
    ordered = sorted(names)
    reached = Reached(by_host, rules, waypoints, attached)
    found = yield from find_targets(ordered, reached, client, place, mesh, features)
    targets = same_tuple(tuple(each for each in found if each is not None))
    unknown = (build_unknown(name) for name, each in zip(ordered, found, strict=True) if each is None)
    return _planned(targets, same_tuple(tuple(unknown)))


@memoized(size=1024, passing=True)
def _planned(targets: tuple[Target, ...], unknown: tuple[Resource, ...]) -> _Plan:
    """The same object for the same parts: what was made for it can be used again."""
    return _Plan(targets, tuple((each.service.hostname, each.service.namespace) for each in targets), unknown)


@dataclass(frozen=True, slots=True, eq=False)
class _Built:
    """A set, and what it was made from."""

    set: ResourceSet
    resources: list[Resource]
    """By target."""
    found: list[ServiceEndpoints]
    """By target."""
    rest: tuple[object, ...]


@sliced(latest(size=1024))
def _build(
    plan: _Plan,
    endpoints: Endpoints,
    authentications: PeerAuthentications,
    features: Features,
    gateways: NetworkGateways,
) -> Work[_Built]:
    """Only what stands behind other endpoints than the last time is looked at."""
    before, rest = _build.last(plan), (authentications, features, gateways)
    found = list(map(endpoints.get, plan.keys, repeat(NO_ENDPOINTS)))
    if before is not None and all(map(is_, before.rest, rest)):
        made, touched = before.resources.copy(), list(compress(count(), map(is_not, found, before.found)))
    else:
        made, touched = list[Any]([None]) * len(found), list(range(len(found)))
    for number, position in enumerate(touched, 1):
        plaintext = plaintext_of(authentications, plan.keys[position][1])
        made[position] = assignment.build(plan.targets[position], found[position], plaintext, features, gateways)
        if number % PIECE == 0:
            yield
    return _Built(shared_set((*made, *plan.unknown)), made, found, rest)


def shared_set(resources: Sequence[Resource]) -> ResourceSet:
    """The set of these resources: one object for the same resources in the same order."""
    key = tuple(map(id, resources))
    known = _SETS.find(key)
    return known if known is not None else _SETS.same(key, resource_set(resources))
