"""Inbound clusters of a sidecar: from the proxy to the workload beside it, one for each port.

In: the workload's service targets or the ingress listeners of its Sidecar, a context. Out: resources by port.
Does not build what listens: see `listeners/`. Source: xDS behaviour 3.7 (inbound), 3.3.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.address_pb2 import Address, Pipe, SocketAddress

from pilot.generators import policy
from pilot.generators.clusters import connection_pool, fixed
from pilot.generators.clusters.context import Context
from pilot.generators.envoy.http_protocol import extension_options
from pilot.generators.envoy.metadata import cluster_metadata, service_value
from pilot.generators.stat_name import cluster_stat_name, stat_name
from pilot.memo import memoized
from pilot.model.cluster_name import inbound
from pilot.model.destination_rule import MergedRule
from pilot.model.mesh import InboundTrafficPolicyMode
from pilot.model.mesh_settings import is_ip
from pilot.model.protocol import parse_protocol
from pilot.model.service import Hostname, Namespace, Registry, Resolution, Service, ServicePort
from pilot.model.sidecar import SidecarIngressListener
from pilot.model.traffic_policy import ConnectionPoolSettings
from pilot.resources import Origin, Resource, resource
from pilot.type_urls import CLUSTER
from pilot.view.proxy import IpMode
from pilot.view.workload import ServiceTarget

_FOREVER = timedelta(seconds=9223372035)  # the longest that Envoy takes: an address stays known while it is used
_UNIX = "unix://"
_LAST_PORT = 65_535
_LOCALHOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, eq=False)
class Inbound:
    """One inbound cluster: a port of the workload and what stands behind it."""

    number: int
    port: ServicePort
    services: tuple[Service, ...]
    """Those that end here, the first gives name and rule."""
    rule: MergedRule | None
    pool: ConnectionPoolSettings | None
    endpoint: str
    """`host:port`, `unix://path`; empty: the address that was dialled."""


@memoized(size=4096)
def of_targets(
    targets: tuple[ServiceTarget, ...],
    rules: Mapping[Hostname, MergedRule],
    sidecar_pool: ConnectionPoolSettings | None,
    context: Context,
) -> tuple[Resource, ...]:
    """Clusters of the ports that services end at."""
    by_port: dict[int, list[ServiceTarget]] = {}
    for each in targets:
        by_port.setdefault(each.target_port, []).append(each)
    local = context.mesh.inbound_traffic_policy.mode is InboundTrafficPolicyMode.LOCALHOST
    made = []
    for number, group in sorted(by_port.items()):
        port, first = group[0].port, group[0].service
        same_port = tuple(each.service for each in group if each.port.number == port.number)
        rule = _inbound_rule(first, rules)
        endpoint = f"{_LOCALHOST}:{number}" if local else ""
        made.append(
            _build(Inbound(number, port, same_port, rule, sidecar_pool or _pool(rule, port), endpoint), context)
        )
    return tuple(made)


@memoized(size=4096)
def of_ingress(
    ingress: tuple[SidecarIngressListener, ...],
    targets: tuple[ServiceTarget, ...],
    rules: Mapping[Hostname, MergedRule],
    sidecar: Origin,
    sidecar_pool: ConnectionPoolSettings | None,
    addresses: tuple[str, ...],
    context: Context,
) -> tuple[Resource, ...]:
    """Clusters of the ports that a Sidecar opens. `addresses` are those of the workload."""
    made = []
    for listener in ingress:
        if not _is_endpoint(listener.default_endpoint):
            continue
        declared = listener.port
        found = next((each.service for each in targets if each.target_port == declared.number), None)
        service = found if found is not None else _service_of(sidecar)
        rule = _inbound_rule(service, rules)
        port = ServicePort(declared.name, declared.number, parse_protocol(declared.protocol), declared.number)
        pool = listener.connection_pool or sidecar_pool or _pool(rule, port)
        endpoint = _workload_endpoint(listener.default_endpoint, addresses, context.ip_mode)
        made.append(_build(Inbound(declared.number, port, (service,), rule, pool, endpoint), context))
    return tuple(made)


def _build(what: Inbound, context: Context) -> Resource:
    name = inbound(what.number)
    codec = connection_pool.port_codec(what.port.protocol, sniffs=True, preserve_case=context.preserve_case)
    protocol = connection_pool.http_protocol(codec, what.pool, preserve_case=context.preserve_case)
    fields = _static_fields(name, what.endpoint) if what.endpoint else _ORIGINAL_DST
    if not _is_loopback(what.endpoint):
        both = context.ip_mode is IpMode.DUAL and context.features.dual_stack
        fields = {**fields, "upstream_bind_config": fixed.inbound_source(context, extra=both)}
    stats = stat_name(context.mesh.inbound_cluster_stat_name, name, what.services[0], what.port)
    message = Cluster(
        name=name,
        alt_stat_name=cluster_stat_name(stats),
        connect_timeout=connection_pool.connect_timeout(what.pool, context.mesh),
        circuit_breakers=connection_pool.circuit_breakers(what.pool, track_remaining=context.features.track_remaining),
        common_lb_config=Cluster.CommonLbConfig(),
        typed_extension_protocol_options=extension_options(protocol),
        upstream_connection_options=connection_pool.keepalive(what.pool, context.mesh),
        metadata=_metadata(what, telemetry=context.features.telemetry_label),
        **fields,
    )
    origins = [each.origin for each in what.services]
    return resource(CLUSTER, name, message, [*origins, *(what.rule.origins if what.rule else ())])


_ORIGINAL_DST: dict[str, Any] = {
    "type": Cluster.ORIGINAL_DST,
    "lb_policy": Cluster.CLUSTER_PROVIDED,
    "cleanup_interval": _FOREVER,
}


def _static_fields(name: str, endpoint: str) -> dict[str, Any]:
    if endpoint.startswith(_UNIX):
        address = Address(pipe=Pipe(path=endpoint.removeprefix(_UNIX)))
    else:
        host, _, port = endpoint.rpartition(":")
        address = Address(socket_address=SocketAddress(address=host.strip("[]"), port_value=int(port)))
    return {"type": Cluster.STATIC, "load_assignment": fixed.static_assignment(name, address)}


def _is_endpoint(declared: str) -> bool:
    """Whether Envoy can be sent there; nothing declared is its original destination."""
    if not declared or declared.startswith(_UNIX):
        return declared != _UNIX
    host, _, port = declared.rpartition(":")
    if not (port.isascii() and port.isdecimal() and len(port) <= len(str(_LAST_PORT)) and int(port) <= _LAST_PORT):
        return False
    return is_ip(host.removeprefix("[").removesuffix("]"))


def _is_loopback(endpoint: str) -> bool:
    host = endpoint.rpartition(":")[0].strip("[]")
    return not endpoint.startswith(_UNIX) and bool(host) and ip_address(host).is_loopback


def needs_addresses(ingress: Sequence[SidecarIngressListener]) -> bool:
    """Whether some port leads to the workload's own address."""
    return any(each.default_endpoint.rpartition(":")[0] in _WILDCARDS for each in ingress)


_LOCALHOST_V6 = "[::1]"
_WILDCARDS = {"0.0.0.0": 4, "[::]": 6}
_OTHER_LOOPBACK = {(_LOCALHOST, IpMode.V6): _LOCALHOST_V6, (_LOCALHOST_V6, IpMode.V4): _LOCALHOST}


def _workload_endpoint(declared: str, addresses: Sequence[str], mode: IpMode) -> str:
    """Where the workload listens: the wildcard is its own address of that family, or the loopback without one.

    The loopback is that of the family that the workload has.
    """
    host, _, port = declared.rpartition(":")
    wanted = _WILDCARDS.get(host)
    if wanted is None:
        return f"{_OTHER_LOOPBACK[host, mode]}:{port}" if (host, mode) in _OTHER_LOOPBACK else declared
    own = next((each for each in addresses if ip_address(each).version == wanted), None)
    if own is None:
        return f"{_LOCALHOST_V6 if wanted == 6 else _LOCALHOST}:{port}"
    return f"[{own}]:{port}" if wanted == 6 else f"{own}:{port}"


def _inbound_rule(service: Service, rules: Mapping[Hostname, MergedRule]) -> MergedRule | None:
    """The rule for traffic to the workload itself; one that has only subsets says nothing about it."""
    rule = rules.get(service.hostname)
    return None if rule is None or rule.traffic_policy is None else rule


def _pool(rule: MergedRule | None, port: ServicePort) -> ConnectionPoolSettings | None:
    return policy.for_port(rule, port.number).connection_pool


def _service_of(sidecar: Origin) -> Service:
    """What stands for a port that no service has."""
    host = f"{sidecar.name}.{sidecar.namespace}"
    return Service(
        hostname=Hostname(host),
        namespace=Namespace(sidecar.namespace),
        name=host,
        ports=(),
        resolution=Resolution.CLIENT_SIDE,
        registry=Registry.EXTERNAL,
        origin=sidecar,
        mesh_external=True,
    )


def _metadata(what: Inbound, *, telemetry: bool) -> Any | None:
    named: Iterator[Any] = iter(())
    if telemetry and not what.services[0].mesh_external:
        hosts = {each.hostname: each for each in what.services}
        named = (service_value(each.hostname, each.name, each.namespace) for each in hosts.values())
    return cluster_metadata(services=tuple(named), config=what.rule.origin if what.rule else None)
