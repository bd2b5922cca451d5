"""A proxy's view of the mesh.

In: a `Snapshot` and a `Proxy`. Out: a `ProxyView`. Every part is memoized on what it depends on, so replicas share all
parts, and a change of the mesh replaces only the parts that it concerns.
"""

from pilot.model.gateway import GatewayServer
from pilot.model.gateways import select_gateways
from pilot.model.interning import same_tuple
from pilot.model.snapshot import Snapshot
from pilot.view.proxy import Proxy, ProxyKind
from pilot.view.proxy_view import ProxyView
from pilot.view.scoping import scope_of
from pilot.view.workload_lookup import Identified, identify, workload_of


def build(snapshot: Snapshot, proxy: Proxy) -> ProxyView:
    """What generators are given for a proxy."""
    traits = proxy.traits
    identified = identify(snapshot, proxy)
    return ProxyView(
        proxy=proxy,
        traits=traits,
        mesh=snapshot.mesh,
        features=snapshot.features,
        scope=scope_of(snapshot, traits.kind, traits.namespace, identified.labels),
        workload=workload_of(snapshot, proxy, identified),
        endpoints=snapshot.endpoints,
        peer_authentications=snapshot.peer_authentications,
        gateways=_gateways(snapshot, proxy, identified),
    )


def _gateways(snapshot: Snapshot, proxy: Proxy, identified: Identified) -> tuple[GatewayServer, ...]:
    if proxy.traits.kind is not ProxyKind.ROUTER:
        return ()
    return same_tuple(
        select_gateways(
            snapshot.gateways,
            proxy.traits.namespace,
            identified.labels,
            same_namespace=snapshot.features.scope_gateway_to_namespace,
        )
    )
