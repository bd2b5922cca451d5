"""What the endpoints that a proxy gets depend on: the part of the proxy, cut down to what one service needs.

In: a view. Out: a `Client`; equal parts give the same object, so that classes of proxies share what is made for them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pilot.generators.endpoints.preference import Preference
from pilot.memo import memoized
from pilot.model.interning import Interner
from pilot.view.proxy import ProxyKind
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
    )


@memoized(size=4096)
def _of_traits(kind: ProxyKind, cluster_id: str, network: str, requested: frozenset[str], tunnels: bool) -> Client:
    return _interned(Client(kind, cluster_id, network, requested, tunnels))


@memoized(size=65_536)
def placed(client: Client, workload: Workload, preference: Preference | None, node_local: bool) -> Client:
    """Adds where the proxy is, as far as a service with this preference asks for it."""
    if node_local:
        client = replace(client, node=workload.node)
    if preference is not None and preference.is_effective:
        client = replace(client, locality=workload.locality, labels=_values(workload.labels, preference.labels))
    return _interned(client)


def _values(labels: Mapping[str, str], names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, labels.get(name, "")) for name in names)
