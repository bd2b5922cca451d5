"""Metadata that Envoy's filters and access logs read: `istio` of clusters, routes, chains and endpoints.

In: names and flags. Out: `envoy.config.core.v3.Metadata`, or None where there is nothing to say.
Source: xDS behaviour 3.3 (2, 10), 6.2.
"""

import re
from collections.abc import Sequence
from typing import Any

from envoy.config.core.v3.base_pb2 import Metadata
from google.protobuf.struct_pb2 import ListValue, Struct, Value

from pilot.memo import memoized
from pilot.resources import Origin

ISTIO = "istio"
TRANSPORT_SOCKET_MATCH = "envoy.transport_socket_match"
ORIGINAL_DST = "envoy.filters.listener.original_dst"

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def config_path(origin: Origin) -> str:
    """How metadata names the object behind a resource.

    E.g. `/apis/networking.istio.io/v1/namespaces/default/destination-rule/reviews`: v1 whatever version was stored.
    """
    kind = _WORD_START.sub("-", origin.kind).lower()
    return f"/apis/networking.istio.io/v1/namespaces/{origin.namespace}/{kind}/{origin.name}"


@memoized(size=65_536)
def service_value(host: str, name: str, namespace: str) -> Any:
    """One entry of `istio.services`, as a `Value`."""
    return Value(
        struct_value=Struct(
            fields={
                "host": Value(string_value=host),
                "name": Value(string_value=name),
                "namespace": Value(string_value=namespace),
            }
        )
    )


def cluster_metadata(
    *,
    services: Sequence[Any] = (),
    config: Origin | None = None,
    subset: str = "",
    external: bool = False,
    disable_mx: bool = False,
    own_alpn: bool = False,
) -> Any | None:
    """What telemetry and the ALPN filter know of a cluster.

    `services` are made by `service_value`; `disable_mx` wins over `external`; `own_alpn`: Istio's ALPN is not for it.
    """
    fields: dict[str, Any] = {}
    if services:
        fields["services"] = Value(list_value=ListValue(values=services))
    if config:
        fields["config"] = Value(string_value=config_path(config))
    if subset:
        fields["subset"] = Value(string_value=subset)
    if disable_mx:
        fields["disable_mx"] = Value(bool_value=True)
    elif external:
        fields["external"] = Value(bool_value=True)
    if own_alpn:
        fields["alpn_override"] = Value(string_value="false")
    return Metadata(filter_metadata={ISTIO: Struct(fields=fields)}) if fields else None


@memoized()
def config_metadata(origin: Origin) -> Any:
    """Metadata that only names the object behind something (routes, chains)."""
    return Metadata(filter_metadata={ISTIO: Struct(fields={"config": Value(string_value=config_path(origin))})})
