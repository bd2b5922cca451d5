"""Listeners of proxyless gRPC: what a client dials, and what a server demands.

In: a view, names: `host`, `host:port` (short names too), or `xds.istio.io/grpc/lds/inbound/ADDRESS:PORT`. Out: a
`ResourceSet`; what is not there is left out. A policy that gRPC cannot carry out (CUSTOM) denies what it is about.
Source: xDS behaviour 4.13, A.19.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from envoy.config.core.v3.address_pb2 import Address, SocketAddress
from envoy.config.core.v3.config_source_pb2 import AggregatedConfigSource, ConfigSource
from envoy.config.listener.v3.api_listener_pb2 import ApiListener
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.rbac.v3 import rbac_pb2
from envoy.config.route.v3.route_components_pb2 import NonForwardingAction, Route, VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.http.fault.v3.fault_pb2 import HTTPFault
from envoy.extensions.filters.http.rbac.v3.rbac_pb2 import RBAC
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.http.stateful_session.v3.stateful_session_pb2 import StatefulSession
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
    HttpFilter,
    Rds,
)

from pilot.generators.envoy.packing import pack
from pilot.generators.proxyless import tls
from pilot.generators.routes.domains import short_names
from pilot.generators.routes.match import EVERYTHING
from pilot.generators.security.rbac import Layer, Trust, numbered_policies
from pilot.generators.service_address import service_address
from pilot.memo import memoized
from pilot.model.authorization_policy import AuthorizationAction
from pilot.model.cluster_name import outbound
from pilot.model.mesh import MeshConfig
from pilot.model.peer_authentication import MtlsMode
from pilot.model.service import PortProtocol, Service
from pilot.model.workloads import TLS_MODE
from pilot.resources import Resource, ResourceSet, resource, resource_set
from pilot.type_urls import LISTENER
from pilot.view.proxy_view import ProxyView
from pilot.view.security import Security

INBOUND: Final = "xds.istio.io/grpc/lds/inbound/"
_EVERY_PORT: Final = 0
_FAULT: Final = HttpFilter(name="envoy.filters.http.fault", typed_config=pack(HTTPFault()))
_ROUTER: Final = HttpFilter(name="envoy.filters.http.router", typed_config=pack(Router()))
_SESSION: Final = HttpFilter(name="envoy.filters.http.stateful_session", typed_config=pack(StatefulSession()))
_ADS: Final = ConfigSource(ads=AggregatedConfigSource())
_SERVED: Final = RouteConfiguration(
    name="inbound",
    virtual_hosts=[
        VirtualHost(domains=["*"], routes=[Route(match=EVERYTHING, non_forwarding_action=NonForwardingAction())])
    ],
)
_RULES: Final = "envoy.filters.http.rbac"
_ACTIONS: Final = (
    (rbac_pb2.RBAC.DENY, f"{_RULES}.DENY", (AuthorizationAction.DENY, AuthorizationAction.CUSTOM)),
    (rbac_pb2.RBAC.ALLOW, _RULES, (AuthorizationAction.ALLOW,)),
)


def build(view: ProxyView, names: frozenset[str] | None) -> ResourceSet:
    """The listeners of these names; None: those of every service."""
    wanted = sorted(names or ())
    served = [_inbound(name, view) for name in wanted if name.startswith(INBOUND)]
    asked = [name for name in wanted if not name.startswith(INBOUND)]
    dialled = [] if names and not asked else _outbound(view, asked)
    return resource_set((*(each for each in served if each is not None), *dialled))


def _outbound(view: ProxyView, asked: Sequence[str]) -> Iterator[Resource]:
    """Of every service that is meant: each of its names that was said with each of its ports that was."""
    hosts = _parse(asked)
    for service in view.scope.services:
        forms = (service.hostname, *short_names(service.hostname, view.traits.domain))
        said = [form for form in forms if form in hosts] if asked else [service.hostname]
        numbers = {number for host in said for number in hosts.get(host, (_EVERY_PORT,))}
        for port in service.ports:
            wanted = port.number in numbers or _EVERY_PORT in numbers
            if wanted and port.protocol is not PortProtocol.UDP:
                address = service_address(service, view.traits, view.features).primary
                for host in said:
                    yield _dialled(service, host, port.number, address, view.features.persistent_session_filter)


def _parse(asked: Iterable[str]) -> Mapping[str, set[int]]:
    """Ports by host, as they were said."""
    hosts: dict[str, set[int]] = {}
    for name in asked:
        host, colon, digits = name.rpartition(":")
        if not colon:
            hosts.setdefault(name, set()).add(_EVERY_PORT)
        elif digits.isascii() and digits.isdecimal():
            hosts.setdefault(host, set()).add(int(digits))
    return hosts


@memoized(size=16_384)
def _dialled(service: Service, host: str, port: int, address: str, sessions: bool) -> Resource:
    manager = HttpConnectionManager(
        rds=Rds(config_source=_ADS, route_config_name=outbound(port, service.hostname)),
        http_filters=[*([_SESSION] if sessions else []), _FAULT, _ROUTER],
    )
    listener = Listener(
        name=f"{host}:{port}",
        address=_address(address.partition("/")[0], port),
        api_listener=ApiListener(api_listener=pack(manager)),
    )
    return resource(LISTENER, listener.name, listener, (service.origin,))


def _address(address: str, port: int) -> Any:
    return Address(socket_address=SocketAddress(address=address, port_value=port))


def _inbound(name: str, view: ProxyView) -> Resource | None:
    """What a server at an address demands of its clients; None for a name without a port."""
    address, colon, port = name.removeprefix(INBOUND).rpartition(":")
    if not colon or not (port.isascii() and port.isdecimal()):
        return None
    mode = view.workload.mtls.for_port(int(port))
    known = view.workload.labels.get(TLS_MODE) == "istio"
    secure = mode is MtlsMode.STRICT or (mode is MtlsMode.PERMISSIVE and known)
    return _served(name, address, int(port), secure, view.security, view.mesh)


@memoized(size=4096)
def _served(name: str, address: str, port: int, secure: bool, security: Security, mesh: MeshConfig) -> Resource:
    filters = _authorization(security, Trust(mesh.trust_domain, mesh.trust_domain_aliases))
    manager = HttpConnectionManager(http_filters=[*filters, _ROUTER], route_config=_SERVED)
    kind = "mtls" if secure else "plaintext"
    chain = FilterChain(
        name=f"inbound-{kind}",
        filters=[Filter(name=f"inbound-hcm{kind}", typed_config=pack(manager))],
        transport_socket=tls.downstream() if secure else None,
    )
    listener = Listener(name=name, address=_address(address.strip("[]"), port), filter_chains=[chain])
    return resource(LISTENER, name, listener, security.origins)


def _authorization(security: Security, trust: Trust) -> Iterator[Any]:
    for action, name, kinds in _ACTIONS:
        enforced = [each for each in security.authorizations if each.action in kinds and not each.dry_run]
        if enforced:
            policies = {
                f"{policy.key.namespace}-{policy.key.name}-{index}": made
                for policy in enforced
                for index, made in numbered_policies(policy, trust, Layer.HTTP)
            }
            rules = rbac_pb2.RBAC(action=action, policies=policies)
            yield HttpFilter(name=name, typed_config=pack(RBAC(rules=rules)))
