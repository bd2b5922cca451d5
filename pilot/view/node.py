"""Parses the xDS node: what a proxy says of itself on its first request.

In: `envoy.config.core.v3.Node` and the feature switches. Out: a frozen `Proxy` with interned `Traits`. Does not ask
the registry: labels and services of the workload are found by `workload.py`.
Source: xDS behaviour 1.3 (id and addresses), 1.4 (metadata), 2.7 (auto allocation).
"""

import json
import re
from collections.abc import Mapping
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any

from pilot.errors import BadNode
from pilot.model.features import Features
from pilot.model.interning import Interner
from pilot.view.proxy import ClientFiles, Flavour, Interception, IpMode, Proxy, ProxyKind, Traits


class NodeIdError(BadNode):
    """The id is not `TYPE~IP~ID~DOMAIN` with a known type."""


class NodeAddressError(BadNode):
    """Neither the id nor INSTANCE_IPS has a valid IP address."""


NO_VERSION = (65535, 65535, 65535)
_KINDS = {each.value: each for each in ProxyKind}
_INTERCEPTION = {each.value: each for each in Interception}
_VERSION = re.compile(r"([1-9]+)\.([0-9]+)(?:\.([0-9]+))?")
_TRAITS: Interner[Traits] = Interner(4096)
_FLAVOURS: Interner[Flavour] = Interner(64)


def parse_node(node: Any, features: Features) -> Proxy:
    """The proxy behind a node.

    Raises: NodeIdError, NodeAddressError. Source: xDS behaviour 1.3, 1.4.
    """
    kind, ip, name, domain = _split_id(node.id)
    metadata = _plain_struct(node.metadata)
    addresses = _addresses(node.id, ip, _text(metadata, "INSTANCE_IPS"))
    namespace = _text(metadata, "NAMESPACE") or (domain.partition(".")[0] if "." in domain else "")
    version = _text(metadata, "ISTIO_VERSION")
    traits = _parse_traits(kind, namespace, domain, addresses, _flavour(node), metadata, features)
    return Proxy(
        id=name,
        node_cluster=node.cluster,
        ip_addresses=addresses,
        traits=_TRAITS.same(traits, traits),
        service_account=_text(metadata, "SERVICE_ACCOUNT"),
        node_name=_text(metadata, "NODE_NAME"),
        istio_version=parse_version(version),
        istio_version_text=version,
        locality=f"{node.locality.region}/{node.locality.zone}/{node.locality.sub_zone}".rstrip("/"),
        labels=_labels(metadata, "LABELS"),
        static_labels=_labels(metadata, "STATIC_LABELS"),
        annotations=_labels(metadata, "ANNOTATIONS"),
        mesh_id=_text(metadata, "MESH_ID"),
        pod_ports=_pod_ports(metadata.get("POD_PORTS")),
        proxy_config=_mapping(metadata, "PROXY_CONFIG"),
        raw_metadata=MappingProxyType(metadata),
    )


def parse_version(text: str) -> tuple[int, int, int]:
    """`1.29.1` or `release-1.29`; what is missing counts as 65535, newer than everything."""
    found = _VERSION.match(text.removeprefix("release-"))
    if found is None:
        return NO_VERSION
    major, minor, patch = found.groups()
    return int(major), int(minor), int(patch) if patch else 65535


def _cluster_id(metadata: Mapping[str, object], features: Features) -> str:
    """The cluster that a proxy says it is in, by the name that we know it by."""
    said = _text(metadata, "CLUSTER_ID")
    return dict(features.cluster_aliases).get(said, said)


def _split_id(node_id: str) -> tuple[ProxyKind, str, str, str]:
    parts = node_id.split("~")
    if len(parts) != 4:
        raise NodeIdError(f"node id {node_id!r}: expected TYPE~IP~ID~DOMAIN, got {len(parts)} parts")
    kind, ip, name, domain = parts
    if kind not in _KINDS:
        raise NodeIdError(f"node id {node_id!r}: expected a type of {', '.join(_KINDS)}, got {kind!r}")
    return _KINDS[kind], ip, name, domain


def _addresses(node_id: str, ip: str, instance_ips: str) -> tuple[str, ...]:
    listed = tuple(part.strip() for part in instance_ips.split(",") if part.strip())
    if listed and all(_is_ip(each) for each in listed):
        return listed
    if _is_ip(ip):
        return (ip,)
    raise NodeAddressError(f"node {node_id!r}: expected an IP address in the id or in INSTANCE_IPS, got none")


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _ip_mode(addresses: tuple[str, ...]) -> IpMode:
    versions = {ip_address(each).version for each in addresses}
    if len(versions) == 2:
        return IpMode.DUAL
    return IpMode.V4 if versions == {4} else IpMode.V6


def _parse_traits(
    kind: ProxyKind,
    namespace: str,
    domain: str,
    addresses: tuple[str, ...],
    flavour: Flavour,
    metadata: Mapping[str, object],
    features: Features,
) -> Traits:
    captures_dns = kind is ProxyKind.WAYPOINT or _flag(metadata, "DNS_CAPTURE")
    return Traits(
        kind=kind,
        namespace=namespace,
        domain=domain,
        cluster_id=_cluster_id(metadata, features),
        network=_text(metadata, "NETWORK"),
        ip_mode=_ip_mode(addresses),
        flavour=flavour,
        interception=_INTERCEPTION.get(_text(metadata, "INTERCEPTION_MODE"), Interception.REDIRECT),
        dns_auto_allocate=captures_dns and (_flag(metadata, "DNS_AUTO_ALLOCATE") or features.ip_autoallocate),
        sends_hbone=features.sending_hbone and not _flag(metadata, "DISABLE_HBONE_SEND"),
        listens_hbone=features.sidecar_hbone and _flag(metadata, "ENABLE_HBONE"),
        http10=_text(metadata, "HTTP10") == "1",
        http_proxy_port=_port(metadata, "HTTP_PROXY_PORT", 0),
        idle_timeout=_text(metadata, "IDLE_TIMEOUT"),
        unprivileged=_flag(metadata, "UNPRIVILEGED_POD"),
        status_port=_port(metadata, "ENVOY_STATUS_PORT", 15021),
        prometheus_port=_port(metadata, "ENVOY_PROMETHEUS_PORT", 15090),
        server_files=_files(metadata, "TLS_SERVER"),
        client_files=_files(metadata, "TLS_CLIENT"),
        credential_socket=_flag(metadata, "credential"),
        file_credential_socket=_flag(metadata, "file-credential"),
        inbound_exact_balance=_flag(metadata, "INBOUND_LISTENER_EXACT_BALANCE"),
        outbound_exact_balance=_flag(metadata, "OUTBOUND_LISTENER_EXACT_BALANCE"),
        requested_networks=frozenset(_list(metadata, "REQUESTED_NETWORK_VIEW")),
        is_grpc=_text(metadata, "GENERATOR") == "grpc",
    )


def _flavour(node: Any) -> Flavour:
    version = node.user_agent_build_version.version
    numbers = (version.major_number, version.minor_number, version.patch)
    if not node.extensions:
        return Flavour(None, numbers)
    listed = [each for each in node.extensions if not each.disabled]
    urls = frozenset(url.removeprefix("type.googleapis.com/") for each in listed for url in each.type_urls)
    flavour = Flavour(urls, numbers, frozenset(each.name for each in listed))
    return _FLAVOURS.same(flavour, flavour)


def _plain_struct(struct: Any) -> dict[str, object]:
    return {key: _plain_value(value) for key, value in struct.fields.items()}


def _plain_value(value: Any) -> object:
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return _plain_struct(value.struct_value)
        case "list_value":
            return [_plain_value(each) for each in value.list_value.values]
        case _:
            return None


def _text(metadata: Mapping[str, object], key: str) -> str:
    """A scalar as text, as agents of different ages send numbers and booleans both quoted and bare."""
    match metadata.get(key):
        case bool(value):
            return "true" if value else "false"
        case str(value):
            return value
        case int(value) | float(value):
            return str(value)
        case _:
            return ""


def _flag(metadata: Mapping[str, object], key: str) -> bool:
    return _text(metadata, key).lower() in ("true", "1")


def _port(metadata: Mapping[str, object], key: str, default: int) -> int:
    text = _text(metadata, key)
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) < 65536 else default


def _list(metadata: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = metadata.get(key)
    items = value if isinstance(value, list) else _text(metadata, key).split(",")
    return tuple(each.strip() for each in items if isinstance(each, str) and each.strip())


def _mapping(metadata: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = metadata.get(key)
    return value if isinstance(value, dict) else {}


def _labels(metadata: Mapping[str, object], key: str) -> Mapping[str, str]:
    return {name: value for name, value in sorted(_mapping(metadata, key).items()) if isinstance(value, str)}


def _files(metadata: Mapping[str, object], prefix: str) -> ClientFiles:
    return ClientFiles(
        cert_chain=_text(metadata, f"{prefix}_CERT_CHAIN"),
        key=_text(metadata, f"{prefix}_KEY"),
        root=_text(metadata, f"{prefix}_ROOT_CERT"),
    )


def _pod_ports(value: object) -> tuple[tuple[str, int], ...]:
    """Named container ports, from JSON inside a string; what cannot be read names no port."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return ()
    if not isinstance(value, list):
        return ()
    return tuple(
        (str(each.get("name", "")), each["containerPort"])
        for each in value
        if isinstance(each, dict) and isinstance(each.get("containerPort"), int)
    )
