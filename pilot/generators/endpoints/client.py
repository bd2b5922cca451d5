"""What the endpoints that a proxy gets depend on: the part of the proxy, cut down to what one service needs.

In: a view. Out: a `Client`; equal parts give the same object, so that classes of proxies share what is made for them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pilot.generators import policy
from pilot.generators.endpoints.preference import Preference, preference
from pilot.memo import memoized
from pilot.model.destination_rule import MergedRule
from pilot.model.interning import Interner
from pilot.model.mesh import MeshConfig
from pilot.model.service import Hostname, Service
from pilot.view.proxy import ProxyKind, doubles_tunnels
from pilot.view.proxy_view import ProxyView
from pilot.view.workload import Workload


@dataclass(frozen=True, slots=True)
class Client:
    """A proxy as a receiver of endpoints. What a service does not ask for is left empty."""

    kind: ProxyKind
    cluster_id: str
    network: str
    requested_networks: frozenset[str]
    """Networks that it may see; empty: all."""
    tunnels: bool
    """It can open HBONE tunnels."""
    doubles: bool = False
    """It reaches other networks by tunnels inside of tunnels."""
    is_entrance: bool = False
    """It is where such tunnels come in: it reaches only its own cluster."""
    node: str = ""
    locality: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    """Values of the labels that a failover priority names."""


_CLIENTS: Interner[Client] = Interner(16_384)  # arbitrary: (classes of proxies) x (kinds of preference)


def _interned(client: Client) -> Client:
    return _CLIENTS.same(client, client)


def client_of(view: ProxyView) -> Client:
    """The part that every service needs."""
    traits = view.traits
    return _of_traits(
        traits.kind,
        traits.cluster_id,
        traits.network,
        traits.requested_networks,
        traits.sends_hbone and not traits.is_grpc,
        doubles_tunnels(traits, view.features) and not view.attachments.is_entrance,
        view.attachments.is_entrance,
    )


@memoized(size=4096)
def _of_traits(
    kind: ProxyKind,
    cluster_id: str,
    network: str,
    requested: frozenset[str],
    tunnels: bool,
    doubles: bool,
    is_entrance: bool,
) -> Client:
    return _interned(Client(kind, cluster_id, network, requested, tunnels, doubles, is_entrance))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a proxy is, as far as any service of its scope asks for it."""

    node: str = ""
    locality: str = ""
    labels: tuple[tuple[str, str], ...] = ()


_PLACES: Interner[Place] = Interner(16_384)


def place_of(view: ProxyView) -> Place:
    """Mostly nowhere in particular: few services care."""
    return _place(view.scope.services, view.scope.rules, view.mesh, view.workload)


@memoized(size=8192)
def _place(
    services: tuple[Service, ...], rules: Mapping[Hostname, MergedRule], mesh: MeshConfig, workload: Workload
) -> Place:
    asked = _asked(services, rules, mesh)
    labels = _values(workload.labels, asked.labels)
    made = Place(workload.node if asked.node else "", workload.locality if asked.locality else "", labels)
    return _PLACES.same(made, made)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What services ask about the place of their clients."""

    node: bool = False
    locality: bool = False
    labels: tuple[str, ...] = ()


_NOTHING = _Asked()


@memoized(size=1024)
def _asked(services: tuple[Service, ...], rules: Mapping[Hostname, MergedRule], mesh: MeshConfig) -> _Asked:
    found = {_asked_by(each, rules.get(each.hostname), mesh) for each in services} - {_NOTHING}
    labels = {name for each in found for name in each.labels}
    return _Asked(any(each.node for each in found), any(each.locality for each in found), tuple(sorted(labels)))


@memoized(size=65_536)
def _asked_by(service: Service, rule: MergedRule | None, mesh: MeshConfig) -> _Asked:
    policies = [policy.for_port(rule, each.number) for each in service.ports]
    for subset in rule.subsets if rule else ():
        policies += [policy.for_subset(rule, each.number, subset) for each in service.ports]
    wishes = (
        preference(each.load_balancer, each.outlier_detection, service.traffic_distribution, mesh) for each in policies
    )
    effective = [each for each in wishes if each is not None and each.is_effective]
    labels = {name for each in effective for name in each.labels}
    made = _Asked(service.node_local, bool(effective), tuple(sorted(labels)))
    return _NOTHING if made == _NOTHING else made


@memoized(size=65_536)
def placed(client: Client, place: Place, wish: Preference | None, node_local: bool) -> Client:
    """Adds where the proxy is, as far as a service with this preference asks for it."""
    if node_local:
        client = replace(client, node=place.node)
    if wish is not None and wish.is_effective:
        client = replace(client, locality=place.locality, labels=_values(dict(place.labels), wish.labels))
    return _interned(client)


def _values(labels: Mapping[str, str], names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, labels.get(name, "")) for name in names)
