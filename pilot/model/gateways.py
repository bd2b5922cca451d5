"""Gateways as lists of servers, and which of them apply to a gateway proxy.

In: decoded Gateways. Out: `GatewayServer`s in order of creation. Does not merge servers that share a port: that depends
on the ports of the proxy. Source: xDS behaviour 4.10.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pilot.model.gateway import Gateway, GatewayServer
from pilot.model.label_selection import matches
from pilot.model.semantics import precedence

CONVERTED = "~"
"""In names of Gateways made from objects of the Gateway API; no name that people give may have it."""
SERVICE_ACCOUNT = "internal.istio.io/gateway-service-account"
"""Annotation of such a Gateway: as whom its proxies run."""


@dataclass(frozen=True, slots=True)
class GatewayServers:
    """The servers of one Gateway and whom they are for."""

    namespace: str
    selector: Mapping[str, str]
    servers: tuple[GatewayServer, ...]


def build(declared: Iterable[Gateway]) -> tuple[GatewayServers, ...]:
    """All Gateways in order of creation."""
    ordered = sorted(declared, key=precedence)
    return tuple(GatewayServers(each.namespace, each.spec.selector, _servers(each)) for each in ordered)


def select_gateways(
    gateways: Iterable[GatewayServers], namespace: str, labels: Mapping[str, str], *, same_namespace: bool
) -> tuple[GatewayServer, ...]:
    """The servers of every Gateway that selects a proxy with these labels."""
    return tuple(
        server
        for each in gateways
        if (not same_namespace or each.namespace == namespace) and matches(each.selector, labels)
        for server in each.servers
    )


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
