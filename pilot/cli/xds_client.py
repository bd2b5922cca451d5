"""One question to a control plane over xDS, as istioctl asks it; and a proxy played once, to see what it is served.

In: an address, credentials, a node. Out: decoded responses. What goes wrong is a `click.ClickException`.
Source: operations 3.3, 5.
"""

import pathlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import click
import grpc
from envoy.config.core.v3.base_pb2 import Node
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest, DiscoveryResponse
from google.protobuf import json_format

PATIENCE = 30.0
"""Seconds for an answer, as istioctl's `--timeout`."""
METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
_LARGEST = 256 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """A control plane's port. Without `root` it is plaintext."""

    address: str
    root: pathlib.Path | None = None
    """The certificate that the server's is checked with."""
    token: str = ""
    authority: str = "istiod.istio-system.svc"
    """The name that its certificate has to have."""


def _channel(place: Place) -> grpc.Channel:
    options: list[tuple[str, str | int]] = [("grpc.max_receive_message_length", _LARGEST)]
    if place.root is None:
        return grpc.insecure_channel(place.address, options)
    options.append(("grpc.ssl_target_name_override", place.authority))
    try:
        credentials = grpc.ssl_channel_credentials(place.root.read_bytes())
    except OSError as error:
        raise click.ClickException(f"root certificate {place.root}: {error}") from error
    return grpc.secure_channel(place.address, credentials, options)


def _one(
    place: Place, node: Node, request: DiscoveryRequest, metadata: tuple[tuple[str, str], ...]
) -> DiscoveryResponse:
    request.node.CopyFrom(node)
    with _channel(place) as channel:
        opened: Any = channel.stream_stream
        call = opened(METHOD)(iter([request.SerializeToString()]), metadata=metadata, timeout=PATIENCE)
        try:
            for data in call:
                return DiscoveryResponse.FromString(data)
        except grpc.RpcError as error:
            told: Any = error
            raise click.ClickException(f"{place.address}: {told.code().name}: {told.details()}") from error
    raise click.ClickException(f"{place.address}: the stream ended without an answer to {request.type_url}")


def tool_node(namespace: str, account: str = "default", domain: str = "cluster.local") -> Node:
    """Who asks: a tool, no proxy."""
    told = {"GENERATOR": "event", "NAMESPACE": namespace, "SERVICE_ACCOUNT": account}
    node_id = f"sidecar~127.0.0.1~meshpilot.{namespace}~{namespace}.svc.{domain}"
    return proxy_node(node_id, told)


def proxy_node(node_id: str, metadata: Mapping[str, object]) -> Node:
    """Who asks: a proxy."""
    made = Node(id=node_id)
    json_format.ParseDict(dict(metadata), made.metadata)
    return made


def ask(place: Place, node: Node, type_url: str, names: Iterable[str] = ()) -> DiscoveryResponse:
    """One question, one answer. Raises: click.ClickException."""
    metadata = (("authorization", f"Bearer {place.token}"),) if place.token else ()
    return _one(place, node, DiscoveryRequest(type_url=type_url, resource_names=sorted(names)), metadata)
