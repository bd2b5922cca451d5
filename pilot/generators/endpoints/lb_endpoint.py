"""One endpoint as Envoy gets it: address, health, weight, and metadata that picks its transport socket.

In: an endpoint and how it is reached. Out: an `LbEndpoint`. Does not choose endpoints.
Source: xDS behaviour 6.2, 6.3.
"""

from typing import Any

from envoy.config.core.v3.address_pb2 import Address, EnvoyInternalAddress, Pipe, SocketAddress
from envoy.config.core.v3.base_pb2 import Metadata
from envoy.config.endpoint.v3.endpoint_components_pb2 import Endpoint as EnvoyEndpoint
from envoy.config.endpoint.v3.endpoint_components_pb2 import LbEndpoint
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.wrappers_pb2 import UInt32Value

from pilot.generators.endpoints.selection import UNIX, is_draining
from pilot.generators.envoy.metadata import ISTIO, ORIGINAL_DST, TRANSPORT_SOCKET_MATCH
from pilot.memo import memoized
from pilot.model.endpoint import Endpoint, Health
from pilot.model.features import Features

TUNNEL_LISTENER = "connect_originate"

_NAME_LABELS = ("service.istio.io/canonical-name", "app.kubernetes.io/name", "app")
_REVISION_LABELS = ("service.istio.io/canonical-revision", "app.kubernetes.io/version", "version")
_NO_MTLS = frozenset({"", "disabled"})


@memoized(size=32_768)
def build(endpoint: Endpoint, weight: int, mtls: bool, tunnel: bool, features: Features) -> Any:
    """An endpoint with this weight. `mtls`: its workload does mutual TLS with us; `tunnel`: reach it through HBONE."""
    metadata: dict[str, Any] = {}
    if tunnel:
        authority = f"{_bracketed(endpoint.address)}:{endpoint.port}"
        address = Address(
            envoy_internal_address=EnvoyInternalAddress(server_listener_name=TUNNEL_LISTENER, endpoint_id=authority)
        )
        metadata[ORIGINAL_DST] = _text({"local": authority})
        metadata[TRANSPORT_SOCKET_MATCH] = _text({"tunnel": "http"})
    else:
        address = _address(endpoint.address, endpoint.port)
        if mtls and endpoint.tls_mode not in _NO_MTLS:
            metadata[TRANSPORT_SOCKET_MATCH] = _text({"tlsMode": endpoint.tls_mode})
    if features.telemetry_label and features.endpoint_telemetry_label:
        metadata[ISTIO] = _text({"workload": workload_text(endpoint)})
    more = endpoint.addresses[1:] if features.dual_stack and not tunnel else ()
    return LbEndpoint(
        endpoint=EnvoyEndpoint(
            address=address,
            additional_addresses=[
                EnvoyEndpoint.AdditionalAddress(address=_address(each, endpoint.port)) for each in more
            ],
        ),
        health_status=Health.DRAINING.value if is_draining(endpoint, features) else endpoint.health.value,
        load_balancing_weight=UInt32Value(value=weight),
        metadata=Metadata(filter_metadata=metadata),
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


def _text(fields: dict[str, str]) -> Any:
    return Struct(fields={key: Value(string_value=value) for key, value in fields.items()})
