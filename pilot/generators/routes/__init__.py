"""Routes of a proxy (RDS): every requested name gets an answer, an empty one where nothing is known of it.

In: a view and names. Out: a `ResourceSet`, the same object as long as nothing it was made from changed.
Source: xDS behaviour 5.
"""

from functools import lru_cache

from pilot.generators.gateway_servers import MergedGateways, merged_gateways
from pilot.generators.routes import gateway, sidecar
from pilot.generators.routes.caller import Caller, caller_of
from pilot.memo import Work, finish, memoized, sliced
from pilot.resources import EMPTY, ResourceSet, resource_set
from pilot.view.proxy import ProxyKind
from pilot.view.proxy_view import ProxyView


def build(view: ProxyView, names: frozenset[str]) -> ResourceSet:
    """The route configurations with these names. Source: xDS behaviour 5.1."""
    return finish(steps(view, names))


def steps(view: ProxyView, names: frozenset[str]) -> Work[ResourceSet]:
    """The same, in pieces."""
    if not names:
        return EMPTY
    match view.traits.kind:
        case ProxyKind.SIDECAR:
            return (yield from _sidecar.steps(caller_of(view), _same(names)))
        case ProxyKind.ROUTER:
            return (yield from _gateway.steps(caller_of(view), merged_gateways(view), _same(names)))
        case ProxyKind.WAYPOINT | ProxyKind.ZTUNNEL:
            return EMPTY


@lru_cache(maxsize=16_384)
def _same(names: frozenset[str]) -> frozenset[str]:
    """One object for equal sets: cache keys go by identity."""
    return names


@sliced(memoized(size=16_384, passing=True))
def _sidecar(caller: Caller, names: frozenset[str]) -> Work[ResourceSet]:
    made = []
    for name in sorted(names):
        made.append((yield from sidecar.build_route.steps(name, caller)))
        yield
    return resource_set(made)


@sliced(memoized(size=4096, passing=True))
def _gateway(caller: Caller, gateways: MergedGateways, names: frozenset[str]) -> Work[ResourceSet]:
    made = []
    for name in sorted(names):
        made.append((yield from gateway.build_route.steps(name, gateways, caller)))
        yield
    return resource_set(made)
