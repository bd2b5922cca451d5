"""The endpoints that one class of proxies gets over EDS: only what was asked for by name.

In: a view and cluster names. Out: a `ResourceSet`, the same object as long as nothing in it changes. Every name has an
answer. Source: xDS behaviour 6.1.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pilot.generators.endpoints import assignment
from pilot.generators.endpoints.assignment import Target
from pilot.generators.endpoints.client import Client, Place, client_of, place_of
from pilot.generators.endpoints.plaintext import plaintext_of
from pilot.generators.endpoints.targets import find_target
from pilot.memo import latest, memoized
from pilot.model.destination_rule import MergedRule
from pilot.model.endpoint_index import NO_ENDPOINTS
from pilot.model.features import Features
from pilot.model.interning import Interner
from pilot.model.mesh import MeshConfig
from pilot.model.network_gateways import NetworkGateways
from pilot.model.peer_authentications import PeerAuthentications
from pilot.model.service import Hostname, Service
from pilot.model.service_index import ServiceKey
from pilot.resources import Resource, ResourceSet, resource_set
from pilot.view.proxy_view import ProxyView
from pilot.view.scope import Endpoints

_NAMES: Interner[frozenset[str]] = Interner(4096)


def build(view: ProxyView, names: frozenset[str]) -> ResourceSet:
    """The endpoints of these clusters; a name that means nothing gets an assignment without endpoints."""
    plan = _plan_of(view, names)
    return _build(plan, view.endpoints, view.peer_authentications, view.features, view.network_gateways)


def steps(view: ProxyView, names: frozenset[str]) -> Iterator[None]:
    """What `build` has to do, in small pieces."""
    plan, rest = _plan_of(view, names), (view.features, view.network_gateways)
    if not _build.knows(plan, view.endpoints, view.peer_authentications, *rest):
        for target, key in plan.entries:
            plaintext = plaintext_of(view.peer_authentications, key[1])
            assignment.build(target, view.endpoints.get(key, NO_ENDPOINTS), plaintext, *rest)
            yield


def _plan_of(view: ProxyView, names: frozenset[str]) -> "_Plan":
    names, scope = _NAMES.same(names, names), view.scope
    return _plan(names, scope.by_host, scope.rules, client_of(view), place_of(view), view.mesh, view.features)


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """Names with what they mean: everything that does not depend on endpoints."""

    entries: tuple[tuple[Target, ServiceKey], ...]
    unknown: tuple[Resource, ...]
    """Answers to names that mean nothing here."""
    namespaces: frozenset[str]


@memoized(size=1024, passing=True)
def _plan(
    names: frozenset[str],
    by_host: Mapping[Hostname, Service],
    rules: Mapping[Hostname, MergedRule],
    client: Client,
    place: Place,
    mesh: MeshConfig,
    features: Features,
) -> _Plan:
    entries, unknown = [], []
    for name in sorted(names):
        target = find_target(name, by_host, rules, client, place, mesh, features)
        if target is None:
            unknown.append(assignment.build_unknown(name))
        else:
            entries.append((target, (target.service.hostname, target.service.namespace)))
    return _Plan(tuple(entries), tuple(unknown), frozenset(each.service.namespace for each, _ in entries))


@latest(size=1024)
def _build(
    plan: _Plan,
    endpoints: Endpoints,
    authentications: PeerAuthentications,
    features: Features,
    gateways: NetworkGateways,
) -> ResourceSet:
    """One step for each name and endpoint change of any class: kept short."""
    plaintext = {namespace: plaintext_of(authentications, namespace) for namespace in plan.namespaces}
    build_one, find = assignment.build, endpoints.get
    known = [
        build_one(target, find(key, NO_ENDPOINTS), plaintext[key[1]], features, gateways)
        for target, key in plan.entries
    ]
    return shared_set(*known, *plan.unknown)


@memoized(size=128)
def shared_set(*resources: Resource) -> ResourceSet:
    """The set of these resources: one object for the same resources in the same order."""
    return resource_set(resources)
