"""Gateways as lists of servers, and which of them apply to a gateway proxy.

In: decoded Gateways. Out: `GatewayServer`s in order of creation. Does not merge servers that share a port: that depends
on the ports of the proxy. Source: xDS behaviour 4.10.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from pilot.memo import memoized
from pilot.model.gateway import Gateway, GatewayServer
from pilot.model.label_selection import matches
from pilot.model.semantics import precedence

CONVERTED = "~"
"""In names of Gateways made from objects of the Gateway API; no name that people give may have it."""
SERVICES = "internal.istio.io/gateway-service"
"""Annotation of such a Gateway: host names of the Services whose pods serve it, separated by commas."""
SERVICE_ACCOUNT = "internal.istio.io/gateway-service-account"
"""Annotation of such a Gateway: as whom its proxies run."""


@dataclass(frozen=True, slots=True)
class GatewayServers:
    """The servers of one Gateway and whom they are for."""

    namespace: str
    selector: Mapping[str, str]
    servers: tuple[GatewayServer, ...]
    services: frozenset[str] | None = None
    """Host names of Services of the namespace whose pods serve it; None: the selector decides."""


@dataclass(frozen=True, slots=True)
class Exposed:
    """A port of a Service of a gateway proxy, and the port behind it."""

    service: str
    namespace: str
    port: int
    target_port: int


def build(declared: Iterable[Gateway]) -> tuple[GatewayServers, ...]:
    """All Gateways in order of creation."""
    ordered = sorted(declared, key=precedence)
    return tuple(
        GatewayServers(each.namespace, each.spec.selector, _servers(each), _services(each)) for each in ordered
    )


def select_gateways(
    gateways: Iterable[GatewayServers],
    namespace: str,
    labels: Mapping[str, str],
    exposed: tuple[Exposed, ...] = (),
    *,
    same_namespace: bool,
) -> tuple[GatewayServer, ...]:
    """The servers of every Gateway that selects a proxy with these labels, or that the proxy serves by its Services."""
    found: list[GatewayServer] = []
    for each in gateways:
        if same_namespace and each.namespace != namespace:
            continue
        if each.services is not None:
            found += _exposed_servers(each, each.services, exposed)
        elif matches(each.selector, labels):
            found += each.servers
    return tuple(found)


def _exposed_servers(
    gateway: GatewayServers, services: frozenset[str], exposed: Iterable[Exposed]
) -> Iterator[GatewayServer]:
    """The servers whose ports the Services have, on the ports behind."""
    ports = [each for each in exposed if each.service in services and each.namespace == gateway.namespace]
    for server in gateway.servers if ports else ():
        number = server.server.port.number
        targets = tuple(dict.fromkeys(each.target_port for each in ports if each.port == number))
        if targets:
            yield _on_ports(server, targets)


@memoized(size=16_384)
def _on_ports(server: GatewayServer, ports: tuple[int, ...]) -> GatewayServer:
    return replace(server, resolved_ports=ports)


def _services(declared: Gateway) -> frozenset[str] | None:
    named = declared.metadata.annotations.get(SERVICES)
    if CONVERTED not in declared.name or named is None:
        return None
    return frozenset(filter(None, named.split(",")))


def normalize_hosts(hosts: Iterable[str], namespace: str) -> tuple[str, ...]:
    """Hosts with `./` made the namespace of the Gateway and `*/` left out; `*/*` alone serves everything."""
    normalized: list[str] = []
    for host in hosts:
        owner, slash, name = host.partition("/")
        if not slash:
            normalized.append(host)
        elif owner == "*" and name == "*":
            return ("*",)
        else:
            normalized.append(name if owner == "*" else f"{namespace if owner == '.' else owner}/{name}")
    return tuple(normalized)


def _servers(declared: Gateway) -> tuple[GatewayServer, ...]:
    is_converted = CONVERTED in declared.name
    account = declared.metadata.annotations.get(SERVICE_ACCOUNT, "") if is_converted else ""
    return tuple(
        GatewayServer(
            origin=declared.origin,
            namespace=declared.namespace,
            name=declared.name,
            server=server,
            hosts=normalize_hosts(server.hosts, declared.namespace),
            index=position,
            is_converted=is_converted,
            service_account=account,
        )
        for position, server in enumerate(declared.spec.servers)
    )
