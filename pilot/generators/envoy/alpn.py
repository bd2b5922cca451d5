"""ALPN protocols of mutual TLS inside the mesh: how a client tells a server what it will speak.

In: what a cluster speaks, features, flavour. Out: the protocol list of a TLS context, or the filter that overrides it.
Istio's Envoy has an HTTP filter that puts `istio-http/1.1` or `istio-h2` in front for each request; a stock Envoy has
not, so there the list of the cluster says it. Source: xDS behaviour 3.8, 4.4; design, "Two flavours of Envoy".
"""

from enum import Enum
from typing import Any

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.extensions.filters.common.set_filter_state.v3.value_pb2 import FilterStateValue
from envoy.extensions.filters.network.set_filter_state.v3 import set_filter_state_pb2

from pilot.generators.envoy.packing import pack
from pilot.model.features import Features
from pilot.view.proxy import Flavour

PEER_EXCHANGE = "istio-peer-exchange"
METADATA_EXCHANGE_TYPE = "type.googleapis.com/envoy.tcp.metadataexchange.config.MetadataExchange"


class Speaks(Enum):
    """What goes through a cluster."""

    HTTP1 = "HTTP/1.1"
    HTTP2 = "HTTP/2"
    ANY = "HTTP as the client speaks it, or bytes"
    """Sniffed ports and `useClientProtocol`."""
    TCP = "bytes"


_STOCK = {
    Speaks.HTTP1: ("istio-http/1.1", "istio", "http/1.1"),
    Speaks.HTTP2: ("istio-h2", "istio", "h2"),
    # no protocol that a server could choose: it has to look at the first bytes, since we may send either version
    Speaks.ANY: ("istio-http/1.1", "istio-h2", "istio"),
    Speaks.TCP: ("istio",),
}


def has_metadata_exchange(features: Features, flavour: Flavour) -> bool:
    """Whether this proxy exchanges peer metadata on TCP connections."""
    return features.metadata_exchange and flavour.has(METADATA_EXCHANGE_TYPE)


def upstream_protocols(speaks: Speaks, features: Features, flavour: Flavour) -> tuple[str, ...]:
    """What a client offers in mutual TLS to another workload."""
    if flavour.is_stock:
        return _STOCK[speaks]
    own = ("istio", "h2") if speaks is Speaks.HTTP2 else ("istio",)
    return (PEER_EXCHANGE, *own) if _offers_exchange(features, flavour) else own


def downstream_protocols(*, http: bool, features: Features, flavour: Flavour) -> tuple[str, ...]:
    """What a server accepts in mutual TLS on a chain that handles HTTP, or bytes."""
    if not http and _offers_exchange(features, flavour):
        return (PEER_EXCHANGE, "h2", "http/1.1")
    return ("h2", "http/1.1")


def _offers_exchange(features: Features, flavour: Flavour) -> bool:
    return features.mx_alpn and has_metadata_exchange(features, flavour)


TCP_OVERRIDE = Filter(
    name="envoy.filters.network.set_filter_state",
    typed_config=pack(
        set_filter_state_pb2.Config(
            on_new_connection=[
                FilterStateValue(
                    object_key="envoy.network.application_protocols",
                    format_string=SubstitutionFormatString(text_format_source=DataSource(inline_string="istio")),
                )
            ]
        )
    ),
)
"""Stock Envoy only: stands before `tcp_proxy` to a cluster that speaks ANY, so that bytes arrive as bytes."""


def overrides_tcp(speaks: Speaks, flavour: Flavour) -> Any | None:
    """`TCP_OVERRIDE` where a TCP chain to such a cluster needs it."""
    return TCP_OVERRIDE if flavour.is_stock and speaks is Speaks.ANY else None
