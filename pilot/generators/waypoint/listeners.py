"""The listeners of a waypoint: where tunnels end, what is done with what was in them, where new ones begin.

In: a view with attachments. Out: a `ResourceSet`. The listener with everything in it is put together from pieces, of
which those of a service are made again only when something about it changed.
Source: xDS behaviour 4 (order), 4.12, appendix A.15.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from envoy.config.listener.v3.listener_pb2 import Listener

from pilot.generators import security as security_filters
from pilot.generators.envoy import listener_filters
from pilot.generators.envoy.hcm import ProxyContext
from pilot.generators.envoy.http_filters import Side
from pilot.generators.envoy.network_filters import TcpTarget
from pilot.generators.envoy.wire import embed, embed_all, serialize
from pilot.generators.isolation import isolated
from pilot.generators.listeners import tunnel
from pilot.generators.listeners.assemble import ACCESS_LOG, CHAINS, INBOUND
from pilot.generators.listeners.terminate import MAIN_INTERNAL, build_terminate
from pilot.generators.routes.caller import caller_of
from pilot.generators.service_address import service_address
from pilot.generators.waypoint import chains, matcher, routes, tunnels
from pilot.generators.waypoint.parts import Layer, Part, parts_of
from pilot.memo import memoized
from pilot.model.interning import Interner, same_tuple
from pilot.model.mesh_settings import is_ip
from pilot.resources import EMPTY, Origin, Resource, ResourceSet, resource_of_bytes, resource_set
from pilot.type_urls import LISTENER
from pilot.view.proxy_view import ProxyView
from pilot.view.waypoint import Attached, Attachments

_MATCHER: Final = Listener.DESCRIPTOR.fields_by_name["filter_chain_matcher"].number


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """A service's part of the listener."""

    range: bytes
    authorities: bytes
    """Its entries by the host and port that a tunnel is for; none where all networks are one."""
    chains: tuple[bytes, ...]
    origins: tuple[Origin, ...]


_TARGETS: Interner[TcpTarget] = Interner(65_536)
_piece = memoized(size=65_536)(_Piece)
_NOTHING: Final = _Piece(b"", b"", (), ())


def build(view: ProxyView, context: ProxyContext) -> ResourceSet:
    """The listeners; none while nothing is attached: a matcher without entries is none."""
    attachments = view.attachments
    if not attachments.services and not attachments.workloads:
        return EMPTY
    known = routes.Knowledge(caller_of(view), attachments)
    pieces = tuple(_of_service(each, context, known) for each in attachments.services)
    direct = chains.direct_chains(view.security, context)
    guards = security_filters.tunnel_guards(attachments.guards, context.mesh)
    made = [build_terminate(context.untagged, guards, is_entrance=attachments.is_entrance)]
    made.append(_main_internal(same_tuple(pieces), direct, attachments, context))
    if attachments.is_entrance:
        made.extend(tunnel.build_forward(context))
        return _set(same_tuple(tuple(made)))
    made.extend(tunnel.build_tunnel(context))
    if len(made) > 2:
        made.extend(tunnels.build_double(context, view.traits.network))
    return _set(same_tuple(tuple(made)))


@memoized(size=1024, passing=True)
def _set(made: tuple[Resource, ...]) -> ResourceSet:
    return resource_set(made)


@isolated(
    lambda attached, *_: attached.service.origin,
    lambda attached, context, _: (attached.service.hostname, context),
    lambda *_: _NOTHING,
)
def _of_service(attached: Attached, context: ProxyContext, known: routes.Knowledge) -> _Piece:
    parts = parts_of(attached.service, context.features)
    addresses = _addresses(attached, context)
    if not parts or not addresses:
        return _NOTHING
    own = chains.context_for(attached, context)
    made = tuple(_chain(each, attached, own, known) for each in parts)
    origins = (
        attached.service.origin,
        *(each.origin for each in attached.routes),
        *attached.security.origins,
    )
    named = matcher.service_authorities(parts) if context.features.ambient_multi_network else b""
    return _piece(matcher.service_range(addresses, parts), named, same_tuple(made), same_tuple(origins))


def _chain(part: Part, attached: Attached, context: ProxyContext, known: routes.Knowledge) -> bytes:
    if part.layer is Layer.HTTP:
        return chains.http_chain(part, routes.http_routes(attached, part, known), attached.security, context)
    target = routes.tcp_target(attached, part, known)
    return chains.tcp_chain(part, _TARGETS.same(target, target), attached.security, context)


def _addresses(attached: Attached, context: ProxyContext) -> str:
    """Its virtual addresses, with a space between."""
    found: dict[str, None] = {}
    for each in attached.services:
        address = service_address(each, context.traits, context.features)
        found.update(dict.fromkeys((address.primary, *address.extra)))
    return " ".join(each for each in found if is_ip(each.partition("/")[0]))


@memoized(size=1024)
def _main_internal(
    pieces: tuple[_Piece, ...], direct: tuple[bytes, ...], attachments: Attachments, context: ProxyContext
) -> Resource:
    """The listener that takes what comes out of tunnels."""
    workloads = (matcher.workload_range(each, chains.DIRECT_TCP, chains.DIRECT_HTTP) for each in attachments.workloads)
    ranges = (*(each.range for each in pieces if each.range), *workloads)
    base = Listener(name=MAIN_INTERNAL, internal_listener=Listener.InternalListenerConfig(), traffic_direction=INBOUND)
    value = b"".join(
        (
            serialize(base),
            embed_all(listener_filters.FIELD, _inspectors(attachments, context)),
            embed_all(CHAINS, (*(chain for each in pieces for chain in each.chains), *direct)),
            embed_all(ACCESS_LOG, context.logs(Side.WAYPOINT).listener),
            embed(_MATCHER, matcher.build_matcher(ranges, b"".join(each.authorities for each in pieces))),
        )
    )
    return resource_of_bytes(LISTENER, MAIN_INTERNAL, value, tuple(o for each in pieces for o in each.origins))


def _inspectors(attachments: Attachments, context: ProxyContext) -> Iterator[bytes]:
    """What looks at first bytes, turned off for ports whose protocol is declared."""
    sniffed: dict[int, bool] = {}
    encrypted: dict[int, bool] = {}
    for attached in attachments.services:
        for part in parts_of(attached.service, context.features):
            number, protocol = part.port.number, part.port.protocol
            sniffed[number] = sniffed.get(number, False) or protocol.is_sniffed
            encrypted[number] = encrypted.get(number, False) or protocol.is_tls
    yield listener_filters.ORIGINAL_DST
    idle = b"" if attachments.workloads else listener_filters.disabled_for(sniffed)
    yield listener_filters.HTTP_INSPECTOR + idle
    if any(encrypted.values()):
        yield listener_filters.TLS_INSPECTOR + listener_filters.disabled_for(encrypted)
