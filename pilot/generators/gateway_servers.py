"""The servers of all Gateways that apply to one gateway proxy, merged: what it listens on, and which routes that needs.

In: `GatewayServer`s in order of creation. Out: ports with their servers, in order; servers that contradict an
earlier one are left out. Listeners and routes of gateways both start here. Source: xDS behaviour 4.10.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain
from typing import Final

from pilot.memo import memoized
from pilot.model.gateway import GatewayServer, ServerTLSMode
from pilot.model.interning import same_tuple
from pilot.model.mesh_settings import is_ip
from pilot.model.protocol import parse_protocol
from pilot.model.service import PortProtocol
from pilot.view.proxy_view import ProxyView
from pilot.view.workload import ServiceTarget

_NO_TRANSLATION: Final = "experimental.istio.io/disable-gateway-port-translation"


class ServerKind(Enum):
    """What a server does with connections."""

    HTTP = "plain HTTP"
    TCP = "plain bytes"
    HTTPS = "terminates TLS around HTTP"
    TLS = "terminates TLS around bytes"
    PASSTHROUGH = "passes TLS on by the routes of VirtualServices"
    AUTO_PASSTHROUGH = "passes TLS on by the SNI of clusters"


@dataclass(frozen=True, slots=True, eq=False)
class MergedServer:
    """A server that is served."""

    gateway: GatewayServer
    kind: ServerKind
    protocol: PortProtocol
    route_name: str
    """Of its route configuration; empty where it needs none."""
    quic: bool = False
    """HTTP/3 is served beside it, on the UDP port of the same number."""

    @property
    def is_plain(self) -> bool:
        """Without TLS; an HTTP server whose tls only redirects is plain."""
        return self.kind in (ServerKind.HTTP, ServerKind.TCP)

    @property
    def sni_hosts(self) -> tuple[str, ...]:
        """The hosts without namespaces, sorted."""
        return tuple(sorted({host.rpartition("/")[2] for host in self.gateway.hosts}))


@dataclass(frozen=True, slots=True, eq=False)
class MergedPort:
    """One listener."""

    number: int
    bind: str
    """Empty: every address."""
    servers: tuple[MergedServer, ...]
    """By protocol, each in order. Plain HTTP servers of one port share one filter chain: only the first is here."""


@dataclass(frozen=True, slots=True, eq=False)
class MergedGateways:
    """Everything that a gateway proxy serves."""

    ports: tuple[MergedPort, ...]
    routes: Mapping[str, tuple[MergedServer, ...]]
    """Servers by the name of their route configuration, in order."""


def server_kind(server: GatewayServer) -> tuple[ServerKind, PortProtocol]:
    """What a server does, and what its clients speak."""
    protocol = parse_protocol(server.server.port.protocol)
    tls = server.server.tls
    if tls is None or protocol.is_http:  # tls of an HTTP server only redirects
        return (ServerKind.HTTP if protocol.is_http else ServerKind.TCP), protocol
    if tls.mode is ServerTLSMode.PASSTHROUGH:
        return ServerKind.PASSTHROUGH, protocol
    if tls.mode is ServerTLSMode.AUTO_PASSTHROUGH:
        return ServerKind.AUTO_PASSTHROUGH, protocol
    return (ServerKind.HTTPS if protocol is PortProtocol.HTTPS else ServerKind.TLS), protocol


def route_name(server: GatewayServer, kind: ServerKind, port: int) -> str:
    """The name of the route configuration of a server that listens on `port`; empty where it has none."""
    bind = f".{server.server.bind}" if server.server.bind else ""
    if kind is ServerKind.HTTP:
        return f"http.{port}{bind}"
    if kind is ServerKind.HTTPS:
        declared = server.server.port
        return f"https.{declared.number}.{declared.name}.{server.name}.{server.namespace}{bind}"
    return ""


@dataclass(slots=True)
class _Claims:
    """What servers have claimed of a port so far, whatever address they are bound to."""

    is_open: bool = False
    plain: GatewayServer | None = None
    """The first server of the port, if it is one without TLS: others have to go with it."""
    hosts: set[tuple[str, str]] = field(default_factory=set)
    """Of servers with TLS, each with the address."""
    later_binds: set[str] = field(default_factory=set)
    """Addresses of servers behind a first one with TLS."""


Routes = dict[str, list[MergedServer]]


def resolve_ports(server: GatewayServer, targets: tuple[ServiceTarget, ...]) -> tuple[int, ...]:
    """Where the proxy listens for a server: behind the port of its own service, else on the port itself."""
    if server.resolved_ports:
        return server.resolved_ports
    number = server.server.port.number
    for target in targets:
        is_same = target.port.number == number and target.port.protocol is not PortProtocol.UDP
        if is_same and _NO_TRANSLATION not in target.service.labels:
            return (target.target_port,)
    return (number,)


def merged_gateways(view: ProxyView) -> MergedGateways:
    """What the gateways of a proxy come to; the same object for the same parts."""
    return merge_servers(same_tuple(view.gateways), same_tuple(view.workload.targets), view.features.quic_listeners)


@memoized(size=1024)
def merge_servers(
    servers: tuple[GatewayServer, ...], targets: tuple[ServiceTarget, ...], quic: bool = False
) -> MergedGateways:
    """Ports and routes of these servers; `targets` are the ports of the proxy's own services.

    `quic`: HTTPS is served as HTTP/3 too where one of the services has the port for UDP.
    """
    datagrams = {each.port.number for each in targets if quic and each.port.protocol is PortProtocol.UDP}
    claims: dict[tuple[int, bool | None], _Claims] = {}
    ports: dict[tuple[int, str], dict[str, list[MergedServer]]] = {}
    routes: Routes = {}
    for server in servers:
        if not _can_listen(server.server.bind):
            continue
        kind, protocol = server_kind(server)
        for number in resolve_ports(server, targets):
            name = route_name(server, kind, number)
            merged = MergedServer(server, kind, protocol, name, quic=_has_quic(server, kind, datagrams))
            claimed = claims.setdefault((number, _layer(merged)), _Claims())
            group = _group(merged, claimed, routes)
            if group is None:
                continue
            together = ports.setdefault((number, server.server.bind), {}).setdefault(group, [])
            if kind is not ServerKind.HTTP or not together:
                together.append(merged)
    made = (MergedPort(number, bind, tuple(chain(*groups.values()))) for (number, bind), groups in ports.items())
    return MergedGateways(tuple(made), {name: tuple(each) for name, each in routes.items()})


def _layer(server: MergedServer) -> bool | None:
    """Servers that may contradict each other: for the Gateway API, plain ones and those with TLS are apart."""
    return server.is_plain if server.gateway.is_converted else None


def _group(server: MergedServer, claimed: _Claims, routes: Routes) -> str | None:
    """The servers that it stands with among those of its address; None: it contradicts an earlier one.

    istiod: servers stand by the protocol as it is written, in the order of the first of each.
    """
    declared, name = server.gateway.server, server.route_name
    own = declared.port.protocol
    if declared.tls is not None and not _claim_hosts(server, claimed):
        return None
    if not claimed.is_open:
        claimed.is_open = True
        claimed.plain = server.gateway if server.is_plain else None
        if name:
            routes[name] = [server]
        return own
    if claimed.plain is None:
        if name and name in routes:
            return None
        if name:
            routes[name] = [server]
        is_taken = declared.bind in claimed.later_binds
        claimed.later_binds.add(declared.bind)
        return None if declared.tls is None and is_taken else own
    if claimed.plain.server.bind == declared.bind:
        first = server_kind(claimed.plain)[0]
        if first is not ServerKind.HTTP or server.kind is not ServerKind.HTTP:
            return None
        own = claimed.plain.server.port.protocol
    if name:
        routes.setdefault(name, []).append(server)
    return own


def _claim_hosts(server: MergedServer, claimed: _Claims) -> bool:
    """Whether the hosts are free: an address has one certificate for a name, also where it only redirects."""
    wanted = {(host, server.gateway.server.bind) for host in server.gateway.hosts}
    if not claimed.hosts.isdisjoint(wanted):
        return False
    claimed.hosts |= wanted
    return True


def _can_listen(bind: str) -> bool:
    """Whether it is nothing, an IP address or a Unix socket: Envoy would refuse anything else."""
    return not bind or bind.startswith("unix://") or is_ip(bind)


def _has_quic(server: GatewayServer, kind: ServerKind, datagrams: Set[int]) -> bool:
    """Envoy cannot ask clients of HTTP/3 for certificates."""
    tls = server.server.tls
    asks = tls is not None and tls.mode not in (ServerTLSMode.SIMPLE, ServerTLSMode.OPTIONAL_MUTUAL)
    return kind is ServerKind.HTTPS and not asks and server.server.port.number in datagrams
