"""One endpoint as Envoy gets it: address, health, weight, and metadata that picks its transport socket.

In: an endpoint and how it is reached. Out: a serialized `LbEndpoint`, ready to be embedded. Does not choose endpoints.
Source: xDS behaviour 6.2, 6.3.
"""

from functools import lru_cache
from typing import Any

from envoy.config.core.v3.address_pb2 import Address, EnvoyInternalAddress, Pipe, SocketAddress
from envoy.config.core.v3.base_pb2 import Metadata
from envoy.config.endpoint.v3.endpoint_components_pb2 import Endpoint as EnvoyEndpoint
from envoy.config.endpoint.v3.endpoint_components_pb2 import LbEndpoint
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.wrappers_pb2 import UInt32Value

from pilot.generators.endpoints.selection import UNIX, is_draining
from pilot.generators.envoy.metadata import ISTIO, ORIGINAL_DST, TRANSPORT_SOCKET_MATCH
from pilot.generators.envoy.wire import embed, serialize
from pilot.memo import memoized
from pilot.model.endpoint import Endpoint, Health
from pilot.model.features import Features

TUNNEL_LISTENER = "connect_originate"
FORWARD_LISTENER = "forward_inner_connect"
DOUBLE_LISTENER = "inner_connect_originate"

_NAME_LABELS = ("service.istio.io/canonical-name", "app.kubernetes.io/name", "app")
_REVISION_LABELS = ("service.istio.io/canonical-revision", "app.kubernetes.io/version", "version")
_NO_MTLS = frozenset({"", "disabled"})


@memoized(size=65_536)
def build(
    endpoint: Endpoint,
    weight: int,
    mtls: bool,
    tunnel: bool,
    features: Features,
    via: str = "",
    matched: bool = True,
    listener: str = TUNNEL_LISTENER,
) -> bytes:
    """An endpoint, serialized. `mtls`: its workload does mutual TLS with us; `tunnel`: it is reached through HBONE.

    `via`: it is a waypoint, and this is what it is asked for. `matched`: its cluster has a socket for tunnels.
    `listener`: of the proxy itself, which opens the tunnel.
    """
    described = features.telemetry_label and features.endpoint_telemetry_label
    workload = workload_text(endpoint) if described else ""
    if tunnel:
        authority = f"{_bracketed(endpoint.address)}:{endpoint.port}"
        target = _tunnelled(listener, authority)
        metadata = _metadata(workload, "tunnel" if matched else "", "http", via or authority, authority if via else "")
    else:
        target = _direct(endpoint, features.dual_stack)
        mode = endpoint.tls_mode if mtls and endpoint.tls_mode not in _NO_MTLS else ""
        metadata = _metadata(workload, "tlsMode" if mode else "", mode, "")
    health = Health.DRAINING if is_draining(endpoint, features) else endpoint.health
    return _put_together(target, health, metadata, weight)


@memoized(size=4096)
def build_double(gateway: Endpoint, weight: int, behind: str, features: Features, matched: bool) -> bytes:
    """A gateway into another network, through which `behind` (`host:port`) is reached by a tunnel inside of a tunnel.

    Source: xDS behaviour 6.5.
    """
    described = features.telemetry_label and features.endpoint_telemetry_label
    authority = f"{_bracketed(gateway.address)}:{gateway.port}"
    istio = Struct(fields={"double_hbone": Value(struct_value=_text("hbone_target_address", behind))})
    if described:
        istio.fields["workload"].string_value = workload_text(gateway)
    parts = {ORIGINAL_DST: _text("local", authority), ISTIO: istio}
    if matched:
        parts[TRANSPORT_SOCKET_MATCH] = _text("tunnel", "http")
    metadata = serialize(Metadata(filter_metadata=parts))
    return _put_together(_tunnelled(DOUBLE_LISTENER, authority), gateway.health, metadata, weight)


def _tunnelled(listener: str, authority: str) -> Any:
    internal = EnvoyInternalAddress(server_listener_name=listener, endpoint_id=authority)
    return EnvoyEndpoint(address=Address(envoy_internal_address=internal))


def _put_together(target: Any, health: Health, metadata: bytes, weight: int) -> bytes:
    return b"".join(
        (
            embed(LbEndpoint.ENDPOINT_FIELD_NUMBER, serialize(target)),
            _HEALTH[health],
            embed(LbEndpoint.METADATA_FIELD_NUMBER, metadata),
            _weight(weight),
        )
    )


_HEALTH = {each: serialize(LbEndpoint(health_status=max(each.value, 0))) for each in Health}


@lru_cache(maxsize=1024)
def _weight(weight: int) -> bytes:
    return serialize(LbEndpoint(load_balancing_weight=UInt32Value(value=weight)))


@lru_cache(maxsize=16_384)
def _metadata(workload: str, match: str, value: str, local: str, waypoint: str = "") -> bytes:
    """Metadata of all endpoints that are alike: it depends on the workload, not on the address (but for tunnels)."""
    parts: dict[str, Any] = {}
    if match:
        parts[TRANSPORT_SOCKET_MATCH] = _text(match, value)
    if local:
        parts[ORIGINAL_DST] = _text("local", local)
    if waypoint:
        parts[ORIGINAL_DST].fields["waypoint"].string_value = waypoint
    if workload:
        parts[ISTIO] = _text("workload", workload)
    return serialize(Metadata(filter_metadata=parts))


def _direct(endpoint: Endpoint, dual_stack: bool) -> Any:
    more = endpoint.addresses[1:] if dual_stack else ()
    return EnvoyEndpoint(
        address=_address(endpoint.address, endpoint.port),
        additional_addresses=[EnvoyEndpoint.AdditionalAddress(address=_address(each, endpoint.port)) for each in more],
    )


def workload_text(endpoint: Endpoint) -> str:
    """Who the endpoint is, for telemetry: `workload;namespace;canonical name;revision;cluster`, `latest` left out."""
    labels = endpoint.labels
    name = next((labels[key] for key in _NAME_LABELS if labels.get(key)), endpoint.workload)
    revision = next((labels[key] for key in _REVISION_LABELS if labels.get(key)), "")
    revision = "" if revision == "latest" else revision
    namespace = endpoint.namespace if endpoint.workload else ""  # an address that was written down is nobody's
    return f"{endpoint.workload};{namespace};{name};{revision};{endpoint.cluster_id}"


def _address(address: str, port: int) -> Any:
    if address.startswith(UNIX):
        return Address(pipe=Pipe(path=address.removeprefix(UNIX)))
    if port == 0:
        return Address(pipe=Pipe(path=address))
    return Address(socket_address=SocketAddress(address=address, port_value=port))


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _text(name: str, value: str) -> Any:
    return Struct(fields={name: Value(string_value=value)})
