"""Istio's Gateway as decoded: servers that gateway proxies open. Pure data; `gateways.py` normalises hosts."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from msgspec import field

from pilot.model.objects import Message, Object, UInt32
from pilot.resources import Origin


class Port(Message, frozen=True):
    """A port of a server. `target_port` is no longer used by Istio."""

    number: UInt32 = 0
    protocol: str = ""
    name: str = ""
    target_port: UInt32 = 0


class ServerTLSMode(StrEnum):
    """`ServerTLSSettings.TLSmode`."""

    PASSTHROUGH = "PASSTHROUGH"
    SIMPLE = "SIMPLE"
    MUTUAL = "MUTUAL"
    AUTO_PASSTHROUGH = "AUTO_PASSTHROUGH"
    ISTIO_MUTUAL = "ISTIO_MUTUAL"
    OPTIONAL_MUTUAL = "OPTIONAL_MUTUAL"


class TLSProtocol(StrEnum):
    """TLS versions."""

    TLS_AUTO = "TLS_AUTO"
    TLSV1_0 = "TLSV1_0"
    TLSV1_1 = "TLSV1_1"
    TLSV1_2 = "TLSV1_2"
    TLSV1_3 = "TLSV1_3"


class TLSCertificate(Message, frozen=True):
    """One of several certificates of a server, by file."""

    server_certificate: str = ""
    private_key: str = ""
    ca_certificates: str = ""


class ServerTLSSettings(Message, frozen=True):
    """TLS at a server; files or credential names."""

    https_redirect: bool = False
    mode: ServerTLSMode = ServerTLSMode.PASSTHROUGH
    server_certificate: str = ""
    private_key: str = ""
    ca_certificates: str = ""
    ca_crl: str = ""
    credential_name: str = ""
    credential_names: tuple[str, ...] = ()
    ca_cert_credential_name: str = ""
    tls_certificates: tuple[TLSCertificate, ...] = ()
    subject_alt_names: tuple[str, ...] = ()
    verify_certificate_spki: tuple[str, ...] = ()
    verify_certificate_hash: tuple[str, ...] = ()
    min_protocol_version: TLSProtocol = TLSProtocol.TLS_AUTO
    max_protocol_version: TLSProtocol = TLSProtocol.TLS_AUTO
    cipher_suites: tuple[str, ...] = ()


class Server(Message, frozen=True):
    """One port with the hosts it serves, each `host` or `namespace/host`."""

    port: Port = Port()
    bind: str = ""
    hosts: tuple[str, ...] = ()
    tls: ServerTLSSettings | None = None
    default_endpoint: str = ""
    name: str = ""


class GatewaySpec(Message, frozen=True):
    """`spec` of a Gateway; without selector it applies to every gateway proxy."""

    servers: tuple[Server, ...] = ()
    selector: Mapping[str, str] = field(default_factory=dict)


class Gateway(Object, frozen=True):
    """networking.istio.io Gateway (Gateway API's is `KubernetesGateway`)."""

    KIND: ClassVar[str] = "Gateway"

    spec: GatewaySpec = GatewaySpec()


@dataclass(frozen=True, slots=True)
class GatewayServer:
    """One server of a Gateway that applies to a proxy. Source: xDS behaviour 4.10."""

    origin: Origin
    namespace: str
    name: str
    """Of the Gateway; VirtualServices bind to `namespace/name`."""
    server: Server
    hosts: tuple[str, ...]
    """`host` for any namespace, or `namespace/host`; `*/*` makes it only `*`."""
    index: int = 0
    """Position among the servers of the Gateway."""
    resolved_ports: tuple[int, ...] = ()
    """Ports the proxy listens on for it, after the target ports of its own services."""
    is_converted: bool = False
    """Made from an object of the Gateway API: what it refers to has been granted."""
    service_account: str = ""
    """The only one that may have its secrets; empty: any of the namespace."""

    @property
    def gateway(self) -> str:
        """The name that VirtualServices bind to."""
        return f"{self.namespace}/{self.name}"
