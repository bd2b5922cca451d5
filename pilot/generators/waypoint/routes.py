"""Where traffic for a service behind a waypoint goes: as the first VirtualService that speaks of it says, else to it.

In: an attached service, a part of it, everything else that the waypoint knows. Out: a serialized `RouteConfiguration`
for requests, a `TcpTarget` for bytes. Source: xDS behaviour 4.12.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from envoy.config.route.v3.route_components_pb2 import VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from google.protobuf.wrappers_pb2 import BoolValue

from pilot.generators.envoy.network_filters import TcpTarget
from pilot.generators.envoy.wire import embed, embed_all, serialize
from pilot.generators.listeners.assemble import BLACK_HOLE
from pilot.generators.listeners.tcp_routes import Client, applies
from pilot.generators.routes import translate
from pilot.generators.routes.caller import Caller
from pilot.generators.routes.destination import cluster_of
from pilot.generators.routes.inbound import build_inbound_routes
from pilot.generators.routes.settings import RouteListener
from pilot.generators.routes.translate import Routes
from pilot.generators.routes.validity import carries_bytes
from pilot.generators.waypoint.parts import Part, is_dynamic
from pilot.memo import memoized
from pilot.model.destination_rule import MergedRule
from pilot.model.service import Hostname, PortProtocol, Service
from pilot.model.virtual_service import L4MatchAttributes, RouteDestination, TLSMatchAttributes
from pilot.view.waypoint import Attached, Attachments

_ROUTES: Final = VirtualHost.DESCRIPTOR.fields_by_name["routes"].number
_HOSTS: Final = RouteConfiguration.DESCRIPTOR.fields_by_name["virtual_hosts"].number
_GRPC: Final = (PortProtocol.GRPC, PortProtocol.GRPC_WEB)
_ANY_BODY: Final = 1_048_576
"""Bytes of the largest direct response that a VirtualService may have."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What destinations are looked up in."""

    caller: Caller
    attachments: Attachments

    def find(self, host: str) -> tuple[Service | None, MergedRule | None]:
        """The service and the rule of a host."""
        own = self.attachments.by_host.get(Hostname(host))
        if own is not None and not own.service.mesh_external:
            return own.service, own.rule
        scope = self.caller.scope
        return scope.by_host.get(Hostname(host)), scope.rules.get(Hostname(host))

    def owns(self, host: str) -> bool:
        """Whether the waypoint stands in front of it; a host that nobody knows it answers for itself."""
        own = self.attachments.by_host.get(Hostname(host))
        if own is not None:
            return not own.service.mesh_external
        return Hostname(host) not in self.caller.scope.by_host


def http_routes(attached: Attached, part: Part, known: Knowledge) -> bytes:
    """The routes of requests for one port."""
    service, port = part.service, part.port
    domain = service.hostname if is_dynamic(service) else "*"
    declared = next((each for each in attached.routes if each.http), None)
    if declared is not None:
        own = "\n".join(each for each in translate.hosts_of(declared) if known.owns(each))
        listener, caller = RouteListener(port.number, own=own), known.caller
        made = translate.build_routes(
            declared, caller.settings, listener, known.find, _NO_LABELS, caller.traits.namespace
        )
        if made.bodies:
            answers = any(each.direct_response is not None for each in declared.http)
            return _configuration(part.name, port.number, domain, made, answers)
    return build_inbound_routes(part.name, port.number, service.hostname, port.protocol not in _GRPC, domain)


_NO_LABELS: Final[dict[str, str]] = {}
"""Nothing is known of the labels of clients: conditions on them never hold."""


@memoized(size=65_536)
def _configuration(name: str, port: int, domain: str, routes: Routes, answers: bool) -> bytes:
    host = serialize(VirtualHost(name=f"inbound|http|{port}", domains=[domain])) + embed_all(_ROUTES, routes.bodies)
    known = RouteConfiguration(name=name, validate_clusters=BoolValue(value=False))
    if answers:
        known.max_direct_response_body_size_bytes.value = _ANY_BODY
    return serialize(known) + embed(_HOSTS, host)


def tcp_target(attached: Attached, part: Part, known: Knowledge) -> TcpTarget:
    """Where bytes for one port go."""
    client = Client(_NO_LABELS, known.caller.traits.namespace)
    declared = next((each for each in attached.routes if each.tls or each.tcp), None)
    if declared is not None:
        number = part.port.number
        found = [each.route for each in declared.tls if _holds(each.match, client, number)]
        found += [each.route for each in declared.tcp if _holds(each.match, client, number)]
        chosen = next(filter(None, found), None)
        if chosen is not None:
            return _target(chosen, part, known)
    return TcpTarget(part.name, stat_prefix=part.name)


def _holds(matches: Sequence[TLSMatchAttributes | L4MatchAttributes], client: Client, port: int) -> bool:
    return not matches or any(applies(each, client, port) for each in matches)


def _target(route: tuple[RouteDestination, ...], part: Part, known: Knowledge) -> TcpTarget:
    if not carries_bytes(route):
        return TcpTarget(BLACK_HOLE, stat_prefix=part.name)
    weighted = []
    for each in route:
        host = each.destination.host
        service, _ = known.find(host)
        layer = "tcp" if known.owns(host) else ""
        weighted.append((cluster_of(each.destination, service, part.port.number, own_layer=layer), each.weight))
    if len(weighted) == 1:
        return TcpTarget(weighted[0][0], stat_prefix=part.name)
    return TcpTarget(weighted=tuple(each for each in weighted if each[1] > 0), stat_prefix=part.name)
