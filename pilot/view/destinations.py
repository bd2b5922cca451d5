"""Where the routes of a VirtualService lead.

In: a resolved VirtualService. Out: its destination hosts with the ports that it names.
"""

from collections.abc import Iterator, Mapping

from pilot.memo import memoized
from pilot.model.routing import ResolvedVirtualService
from pilot.model.virtual_service import Destination


@memoized(size=65536)
def destinations_of(routes: ResolvedVirtualService, gateway: str) -> Mapping[str, frozenset[int]]:
    """Ports by host, for routes that hold at this gateway (or `mesh`); no ports means all of them."""
    named: dict[str, set[int]] = {}
    unrestricted: set[str] = set()
    for each in _destinations(routes, gateway):
        ports = named.setdefault(each.host, set())
        if each.port is not None and each.port.number:
            ports.add(each.port.number)
        else:
            unrestricted.add(each.host)
    return {host: frozenset() if host in unrestricted else frozenset(ports) for host, ports in named.items()}


def _destinations(routes: ResolvedVirtualService, gateway: str) -> Iterator[Destination]:
    for http in routes.http:
        if _holds([each.gateways for each in http.match], gateway):
            yield from (each.destination for each in http.route)
            yield from (each.destination for each in http.mirrors)
            if http.mirror is not None:
                yield http.mirror
    for tcp in routes.tcp:
        if _holds([each.gateways for each in tcp.match], gateway):
            yield from (each.destination for each in tcp.route)
    for tls in routes.tls:
        if _holds([each.gateways for each in tls.match], gateway):
            yield from (each.destination for each in tls.route)


def _holds(gateways: list[tuple[str, ...]], gateway: str) -> bool:
    """Whether a route has some match, or none, that is not for other gateways only."""
    return not gateways or any(not each or gateway in each for each in gateways)
