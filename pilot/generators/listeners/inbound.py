"""Inbound listeners of sidecars: virtualInbound for intercepted traffic, and those that a Sidecar really binds.

In: the workload's ports and mTLS modes. Out: listener resources. The chains are made in `inbound_chains.py`.
Source: xDS behaviour 4.4.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from envoy.config.listener.v3.listener_pb2 import Listener
from google.protobuf.wrappers_pb2 import BoolValue

from pilot.generators.envoy import listener_filters, server_tls
from pilot.generators.envoy.hcm import ProxyContext
from pilot.generators.envoy.http_filters import Side
from pilot.generators.envoy.wire import embed_all, serialize
from pilot.generators.listeners import assemble
from pilot.generators.listeners.address import additional, listen_on, listener_name
from pilot.generators.listeners.assemble import ACCESS_LOG, CHAINS
from pilot.generators.listeners.chain import TLS, Chain, normalise_cidrs, serialize_chain
from pilot.generators.listeners.inbound_chains import (
    InboundPort,
    Owner,
    blackhole_chain,
    build_port_chains,
    build_tunnelled_chains,
)
from pilot.generators.listeners.terminate import MAIN_INTERNAL, build_terminate
from pilot.generators.service_address import wildcard_addresses
from pilot.generators.stat_name import stat_name
from pilot.memo import memoized
from pilot.model.cluster_name import inbound
from pilot.model.gateway import ServerTLSSettings
from pilot.model.peer_authentication import MtlsMode
from pilot.model.protocol import parse_protocol
from pilot.model.service import Hostname, Namespace, PortProtocol, Registry, Resolution, Service, ServicePort
from pilot.model.sidecar import CaptureMode, SidecarIngressListener
from pilot.resources import Origin, Resource, resource_of_bytes
from pilot.type_urls import LISTENER
from pilot.view.proxy import Interception
from pilot.view.security import NO_SECURITY, Security
from pilot.view.workload import InboundMtls, ServiceTarget

VIRTUAL_INBOUND: Final = "virtualInbound"
PASSTHROUGH_CLUSTER: Final = "InboundPassthroughCluster"
_NO_SERVICE: Final = Service(
    Hostname(""), Namespace(""), "", (), Resolution.CLIENT_SIDE, Registry.EXTERNAL, Origin("Sidecar", "", "")
)
"""Stands for what no service is behind, where names of statistics ask for one."""
_PRIVILEGED: Final = 1024
_PLAIN_HTTP: Final = frozenset({"http/1.1", "h2c"})


@dataclass(frozen=True, slots=True)
class _Port:
    """A port with what decides on its chains."""

    inbound: InboundPort
    mode: MtlsMode
    bound: bool = False
    tls: ServerTLSSettings | None = None


@memoized(size=16_384)
def build_inbound(
    targets: tuple[ServiceTarget, ...],
    mtls: InboundMtls,
    ingress: tuple[SidecarIngressListener, ...],
    sidecar: Origin | None,
    own_address: str,
    context: ProxyContext,
    security: Security = NO_SECURITY,
    tunnelled_to: tuple[str, ...] = (),
) -> tuple[Resource, ...]:
    """The inbound listeners of a workload.

    `ingress` are the listeners of its Sidecar, which replace the ports of its services; `own_address` is where those
    without a bind address are (the wildcard, or the pod's IP). `tunnelled_to`: addresses at which it takes HBONE.
    """
    intercepted = context.traits.interception is not Interception.NONE
    if ingress:
        ports = list(_ingress_ports(ingress, sidecar, mtls, own_address, context))
    else:
        ports = list(_service_ports(targets, mtls, context)) if intercepted else []
    ports.sort(key=lambda port: port.inbound.number)
    owner = Owner(context, security)
    made: list[Resource] = []
    if intercepted:
        made.append(_virtual_inbound([port for port in ports if not port.bound], mtls, sidecar, owner))
    made.extend(_bound_listener(port, sidecar, owner) for port in ports if port.bound)
    if tunnelled_to:
        made.append(build_terminate(context.untagged))
        made.append(_main_internal([port.inbound for port in ports], tunnelled_to, Owner(context, security, True)))
    return tuple(made)


def _main_internal(ports: Sequence[InboundPort], addresses: tuple[str, ...], owner: Owner) -> Resource:
    """The listener for what comes out of tunnels, which nothing intercepts and no TLS hides."""
    own = normalise_cidrs(addresses)
    chains = [
        chain for port in (_passthrough(0, owner.context), *ports) for chain in build_tunnelled_chains(port, owner, own)
    ]
    base = Listener(
        name=MAIN_INTERNAL,
        internal_listener=Listener.InternalListenerConfig(),
        traffic_direction=assemble.INBOUND,
        continue_on_listener_filters_timeout=True,
    )
    return _listener(MAIN_INTERNAL, base, [listener_filters.ORIGINAL_DST], chains, None, owner)


def _service_ports(targets: Sequence[ServiceTarget], mtls: InboundMtls, context: ProxyContext) -> Iterator[_Port]:
    """One for each workload port; of several services behind it the first counts."""
    seen: set[int] = set()
    bind = wildcard_addresses(context.traits, context.features)[0]
    for target in targets:
        if target.target_port in seen:
            continue
        seen.add(target.target_port)
        service, port = target.service, target.port
        cluster = inbound(target.target_port)
        described = InboundPort(
            number=target.target_port,
            service_port=port.number,
            protocol=port.protocol,
            cluster=cluster,
            stat_prefix=stat_name(context.mesh.inbound_cluster_stat_name, "", service, port),
            bind=bind,
            host=service.hostname,
            origin=service.origin,
        )
        yield _Port(described, mtls.for_port(target.target_port))


def _ingress_ports(
    ingress: Sequence[SidecarIngressListener],
    sidecar: Origin | None,
    mtls: InboundMtls,
    own_address: str,
    context: ProxyContext,
) -> Iterator[_Port]:
    seen: set[int] = set()
    unintercepted = context.traits.interception is Interception.NONE
    name = f"{sidecar.name}.{sidecar.namespace}" if sidecar is not None else ""
    for listener in ingress:
        number = listener.port.number
        if number in seen:
            continue
        seen.add(number)
        mode = mtls.for_port(number)
        terminates = context.features.tls_on_sidecar_ingress and listener.tls is not None and mode is MtlsMode.DISABLE
        described = InboundPort(
            number=number,
            service_port=number,
            protocol=parse_protocol(listener.port.protocol),
            cluster=inbound(number),
            stat_prefix=_ingress_stat_name(name, listener, context),
            bind=listener.bind or own_address,
            host=name,
            origin=sidecar,
            config=sidecar,
        )
        bound = unintercepted or listener.capture_mode is CaptureMode.NONE
        if bound and context.traits.unprivileged and number < _PRIVILEGED:
            continue
        yield _Port(described, mode, bound, listener.tls if terminates else None)


def _ingress_stat_name(name: str, listener: SidecarIngressListener, context: ProxyContext) -> str:
    port = ServicePort(listener.port.name, listener.port.number, parse_protocol(listener.port.protocol))
    called = replace(_NO_SERVICE, hostname=Hostname(name), name=name)
    return stat_name(context.mesh.inbound_cluster_stat_name, "", called, port)


def _chains(port: _Port, owner: Owner) -> tuple[Chain, ...]:
    context = owner.context
    socket: Any | None = None
    if port.tls is not None:
        http = port.inbound.protocol is PortProtocol.HTTPS
        traits = context.traits
        socket = server_tls.build_server_tls(
            port.tls,
            http,
            context.mesh,
            context.features,
            traits.flavour,
            traits.file_credential_socket,
            traits.credential_socket,
        )
    return build_port_chains(port.inbound, port.mode, owner, socket)


def _virtual_inbound(ports: Sequence[_Port], mtls: InboundMtls, sidecar: Origin | None, owner: Owner) -> Resource:
    context = owner.context
    own_port = context.mesh.proxy_inbound_listen_port
    unlisted = [0, *sorted(set(mtls.ports) - {port.inbound.number for port in ports})]
    passthrough = [
        _Port(_passthrough(number, context), mtls.for_port(number) if number else mtls.mode) for number in unlisted
    ]
    chains = [blackhole_chain(own_port, context.untagged)]
    for port in (*passthrough, *ports):
        chains.extend(_chains(port, owner))
    traits = context.traits
    binds = wildcard_addresses(traits, context.features)
    transparent = traits.interception is Interception.TPROXY
    base = _base(VIRTUAL_INBOUND, binds, own_port, context)
    if transparent:
        base.transparent.CopyFrom(BoolValue(value=True))
    if traits.inbound_exact_balance:
        base.connection_balance_config.exact_balance.SetInParent()
    first = [listener_filters.ORIGINAL_DST]
    if transparent:
        first.append(listener_filters.ORIGINAL_SRC)
    return _listener(VIRTUAL_INBOUND, base, first, chains, sidecar, owner)


def _passthrough(port: int, context: ProxyContext) -> InboundPort:
    """Traffic to ports that no service has; `port` 0: to all of them."""
    own = ServicePort(VIRTUAL_INBOUND, 0, PortProtocol.UNKNOWN)
    return InboundPort(
        number=port,
        service_port=0,
        protocol=PortProtocol.UNKNOWN,
        cluster=PASSTHROUGH_CLUSTER,
        stat_prefix=stat_name(context.mesh.inbound_cluster_stat_name, "", _NO_SERVICE, own),
        bind="",
    )


def _bound_listener(port: _Port, sidecar: Origin | None, owner: Owner) -> Resource:
    """A listener of its own: nothing is intercepted, so there is no original destination."""
    name = listener_name(port.inbound.bind, port.inbound.number)
    base = _base(name, (port.inbound.bind,), port.inbound.number, owner.context)
    return _listener(name, base, [], list(_chains(port, owner)), sidecar, owner)


def _base(name: str, binds: tuple[str, ...], port: int, context: ProxyContext) -> Any:
    return Listener(
        name=name,
        address=listen_on(binds[0], port),
        additional_addresses=additional(binds[1:], port),
        traffic_direction=assemble.INBOUND,
        continue_on_listener_filters_timeout=True,
        listener_filters_timeout=context.mesh.protocol_detection_timeout,
        max_connections_to_accept_per_socket_event=assemble.sockets_per_event(context),
    )


def _listener(
    name: str, base: Any, first: list[bytes], chains: list[Chain], sidecar: Origin | None, owner: Owner
) -> Resource:
    tls = listener_filters.tls_inspector(_needs(chains, lambda chain: chain.match.transport == TLS))
    http = listener_filters.http_inspector(_needs(chains, _sniffs_http))
    filters = [*first, *(each for each in (tls, http) if each is not None)]
    value = b"".join(
        (
            serialize(base),
            embed_all(listener_filters.FIELD, filters),
            embed_all(CHAINS, (serialize_chain(chain, False) for chain in chains)),
            embed_all(ACCESS_LOG, owner.context.logs(Side.INBOUND).listener),
        )
    )
    origins = [origin for chain in chains for origin in chain.origins]
    return resource_of_bytes(
        LISTENER, name, value, (*origins, *((sidecar,) if sidecar is not None else ()), *owner.security.origins)
    )


def _sniffs_http(chain: Chain) -> bool:
    return not _PLAIN_HTTP.isdisjoint(chain.match.protocols)


def _needs(chains: Sequence[Chain], needed: Callable[[Chain], bool]) -> dict[int, bool]:
    """For each destination port (0: all others) whether some chain needs an inspector."""
    needs: dict[int, bool] = {}
    for chain in chains:
        needs[chain.match.port] = needs.get(chain.match.port, False) or needed(chain)
    return needs
