"""What an Envoy learns from a response. Sidecars of one class get the same bytes: each is parsed once for all of them.

In: bytes of a response. Out: `Learned`. Without that the simulated fleet would need more time than the server that it
measures.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.service.discovery.v3 import discovery_pb2

_TYPE = "type.googleapis.com/envoy."
CDS, EDS = _TYPE + "config.cluster.v3.Cluster", _TYPE + "config.endpoint.v3.ClusterLoadAssignment"
LDS, RDS = _TYPE + "config.listener.v3.Listener", _TYPE + "config.route.v3.RouteConfiguration"
_HCM = _TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_NONCE = 0x2A
"""Tag of the nonce, in both protocols."""
_REMEMBERED = 4096
_ENDS = 1024
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Learned:
    """A response but for its nonce."""

    type_url: str
    version: str
    versions: Mapping[str, str]
    """Of the resources, by name; state of the world: by position, without versions."""
    removed: tuple[str, ...]
    needs: Mapping[str, tuple[str, ...]]
    """By name of a cluster or listener: the endpoints or routes it asks for."""


_KNOWN: OrderedDict[tuple[bool, int, bytes, bytes], Learned] = OrderedDict()


def learn(data: bytes, delta: bool) -> tuple[Learned, str]:
    """The response, and its nonce."""
    size = _nonce_size(data)
    if not size:
        message = _parse(data, delta)
        return _learn(message, delta), message.nonce
    nonce = data[2 - size :].decode()
    # Both ends and the size tell responses apart: a version stands at the beginning, names and versions all over.
    length = len(data) - size
    key = (delta, length, data[: min(_ENDS, length)], data[-size - _ENDS : -size])
    known = _KNOWN.get(key)
    if known is None:
        known = _KNOWN[key] = _learn(_parse(data, delta), delta)
        if len(_KNOWN) > _REMEMBERED:
            _KNOWN.popitem(last=False)
    return known, nonce


def _nonce_size(data: bytes) -> int:
    """Bytes of the nonce field, if it is the last one; else 0."""
    for length in range(1, 64):
        if len(data) > length + 2 and data[-length - 1] == length and data[-length - 2] == _NONCE:
            return length + 2
    return 0


def _parse(data: bytes, delta: bool) -> Any:
    return (discovery_pb2.DeltaDiscoveryResponse if delta else discovery_pb2.DiscoveryResponse).FromString(data)


def _learn(message: Any, delta: bool) -> Learned:
    names = [each.name if delta else str(number) for number, each in enumerate(message.resources)]
    bodies = [each.resource.value if delta else each.value for each in message.resources]
    reads = {CDS: _endpoints_of, LDS: _routes_of}.get(message.type_url)
    return Learned(
        message.type_url,
        message.system_version_info if delta else message.version_info,
        dict(zip(names, (each.version for each in message.resources), strict=True)) if delta else {},
        tuple(message.removed_resources) if delta else (),
        {name: reads(body) for name, body in zip(names, bodies, strict=True)} if reads else {},
    )


def _endpoints_of(body: bytes) -> tuple[str, ...]:
    cluster = cluster_pb2.Cluster.FromString(body)
    is_eds = cluster.type == cluster_pb2.Cluster.EDS
    return (str(cluster.eds_cluster_config.service_name or cluster.name),) if is_eds else ()


def _routes_of(body: bytes) -> tuple[str, ...]:
    listener, names = listener_pb2.Listener.FromString(body), []
    for chain in (*listener.filter_chains, listener.default_filter_chain):
        for each in chain.filters:
            if each.typed_config.type_url == _HCM:
                manager = http_connection_manager_pb2.HttpConnectionManager.FromString(each.typed_config.value)
                if manager.HasField("rds"):
                    names.append(manager.rds.route_config_name)
    return tuple(names)


_MERGED: OrderedDict[tuple[int, int, tuple[str, ...]], tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]]
_MERGED = OrderedDict()


def merged(held: Mapping[str, V], new: Mapping[str, V], gone: tuple[str, ...]) -> Mapping[str, V]:
    """What somebody has after a response: the same object for all who had the same and got the same."""
    key = (id(held), id(new), gone)
    known = _MERGED.get(key)
    if known is None:
        dropped = set(gone)
        made = {name: each for name, each in {**held, **new}.items() if name not in dropped}
        known = _MERGED[key] = (held, new, made)
        if len(_MERGED) > _REMEMBERED:
            _MERGED.popitem(last=False)
    return known[2]


_AGAIN: OrderedDict[tuple[str, bool, frozenset[str], int], tuple[Mapping[str, str], bytes]] = OrderedDict()


def again(url: str, delta: bool, names: frozenset[str], claims: Mapping[str, str]) -> bytes:
    """The first request of a type after a reconnect, without node: serialized once for all who have the same."""
    key = (url, delta, names, id(claims))
    known = _AGAIN.get(key)
    if known is None:
        request: Any
        if delta:
            request = discovery_pb2.DeltaDiscoveryRequest(
                type_url=url, resource_names_subscribe=sorted(names), initial_resource_versions=claims
            )
        else:
            request = discovery_pb2.DiscoveryRequest(type_url=url, resource_names=sorted(names))
        known = _AGAIN[key] = (claims, bytes(request.SerializeToString()))
        if len(_AGAIN) > _REMEMBERED:
            _AGAIN.popitem(last=False)
    return known[1]
