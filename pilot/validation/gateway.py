"""Gateway: servers, their hosts and ports, their TLS.

In: a decoded object. Out: findings. Source: CA behaviour 5.4 (Gateway).
"""

import re
from typing import Final

from pilot.model.ciphers import is_cipher
from pilot.model.decoding import Path, describe
from pilot.model.gateway import Gateway, Server, ServerTLSMode, ServerTLSSettings, TLSProtocol
from pilot.model.protocol import parse_protocol
from pilot.model.service import PortProtocol
from pilot.validation.finding import Finding, Findings, note, refused_if, unservable_if
from pilot.validation.syntax import (
    address_family,
    domain_fault,
    host_fault,
    is_label,
    is_partial_wildcard,
    label_fault,
    port_fault,
)

UNIX: Final = "unix://"
_SOCKET: Final = re.compile(r"@.*|/(?:.*[^/])?")
_PASSES: Final = (ServerTLSMode.PASSTHROUGH, ServerTLSMode.AUTO_PASSTHROUGH)
_MOST_CERTIFICATES: Final = 2
_OLD: Final = (TLSProtocol.TLSV1_0, TLSProtocol.TLSV1_1)


def gateway(checked: Gateway) -> Findings:
    """Everything that is wrong with a Gateway."""
    yield from refused_if(("metadata", "name"), label_fault(checked.name))
    servers = checked.spec.servers
    if not servers:
        yield Finding(("spec", "servers"), "expected a server, got none")
    names: set[str] = set()
    for index, server in enumerate(servers):
        path: Path = ("spec", "servers", index)
        yield from _server(server, path)
        if server.port.name in names:
            yield Finding((*path, "port", "name"), f"expected every name once, got {describe(server.port.name)} again")
        names.update({server.port.name} - {""})


def _server(server: Server, path: Path) -> Findings:
    is_socket = server.bind.startswith(UNIX)
    if not server.hosts:
        yield Finding((*path, "hosts"), "expected a host, got none")
    for position, host in enumerate(server.hosts):
        yield from scoped_host(host, (*path, "hosts", position), is_gateway=True)
    port = server.port
    yield from refused_if((*path, "port", "protocol"), protocol_fault(port.protocol or "none"))
    if is_socket:
        if port.number:
            yield Finding((*path, "port", "number"), f"expected 0 with a socket in bind, got {port.number}")
    else:
        yield from unservable_if((*path, "port", "number"), port_fault(port.number))
    if not port.name:
        yield Finding((*path, "port", "name"), "expected the name of a port, got nothing")
    if port.target_port:
        yield Finding((*path, "port", "targetPort"), "expected nothing: the port of a server is what it listens on")
    if server.bind:
        yield from refused_if((*path, "bind"), bind_fault(server.bind))
    yield from _tls_fits(server, path)
    if server.tls is not None:
        yield from tls_settings(server.tls, (*path, "tls"))


def _tls_fits(server: Server, path: Path) -> Findings:
    protocol, tls = parse_protocol(server.port.protocol), server.tls
    if protocol.is_tls:
        if tls is None:
            yield Finding((*path, "tls"), f"expected TLS settings with protocol {server.port.protocol}, got none")
    elif protocol.is_http:
        if tls is not None and (tls.mode not in _PASSES or _own_files(tls)):
            yield Finding((*path, "tls"), "expected nothing but httpsRedirect on a port of plain HTTP")
    elif tls is not None:
        yield Finding((*path, "tls"), f'expected nothing with protocol "{server.port.protocol}", which is not TLS')
    if tls is not None and tls.https_redirect and not protocol.is_http:
        yield note((*path, "tls", "httpsRedirect"), "tls.httpsRedirect should only be used with http servers")


def scoped_host(host: str, path: Path, is_gateway: bool) -> Findings:
    """`namespace/host` or, at a gateway, only `host`; the namespace `*`, `.`, or a name; no short hosts."""
    namespace, slash, name = host.partition("/")
    if not slash:
        namespace, name = "*", host
    wrong = host_fault(name) if name else "expected a host, got nothing"
    yield from unservable_if(path, wrong)
    if not (namespace in ("*", ".") or (namespace == "~" and not is_gateway) or is_label(namespace)):
        yield Finding(path, f'expected "*", "." or a namespace before the slash, got {describe(namespace)}')
    if wrong is not None or (is_gateway and address_family(name)):
        return
    yield from refused_if(path, domain_fault(name, wildcard=True))
    if name != "*" and "." not in name:
        yield Finding(path, f"expected a full host name, got the short {describe(name)}")
    if is_partial_wildcard(name):
        yield Finding(path, f'expected "*" as a whole label, got {describe(name)}')


def protocol_fault(text: str) -> str | None:
    """Protocols of ports; empty: found out by the proxy."""
    if not text or parse_protocol(text) is not PortProtocol.UNKNOWN:
        return None
    return f"expected a protocol such as HTTP, HTTPS, GRPC, TLS or TCP, got {describe(text)}"


def bind_fault(text: str) -> str | None:
    """IP addresses and absolute paths of sockets."""
    if text.startswith(UNIX):
        path = text.removeprefix(UNIX)
        return None if _SOCKET.fullmatch(path) else f"expected unix:// and an absolute path, got {describe(text)}"
    return None if address_family(text) else f"expected an IP address or unix:///path, got {describe(text)}"


# --- TLS of a server ------------------------------------------------------------------------------------------------


def tls_settings(tls: ServerTLSSettings, path: Path) -> Findings:
    """TLS of a server, or of a Sidecar's ingress listener."""
    yield from _ciphers(tls, path)
    files = _files(tls)
    given = [name for name, is_given in files.items() if is_given]
    if tls.mode is ServerTLSMode.ISTIO_MUTUAL:
        for name in given:
            yield Finding((*path, name), "expected nothing with ISTIO_MUTUAL: the workload's own certificate is used")
        return
    if tls.mode in _PASSES:
        given += ["caCrl"] if tls.ca_crl else []
        if given:
            yield note(path, f"{tls.mode} mode does not use certificates, they will be ignored: {', '.join(given)}")
        return
    files["serverCertificate"] = bool(tls.server_certificate and tls.private_key)
    sources = [
        name for name in ("serverCertificate", "tlsCertificates", "credentialName", "credentialNames") if files[name]
    ]
    if len(sources) > 1:
        yield Finding(path, f"expected certificates from one place, got {' and '.join(sources)}")
    if tls.credential_name or tls.credential_names:
        return  # whatever else is needed is there
    many = len(tls.tls_certificates)
    if many > _MOST_CERTIFICATES:
        yield note(path, f"expected an RSA and an ECDSA certificate at most, got {many}: Envoy may refuse more")
    if tls.ca_crl and tls.mode is ServerTLSMode.SIMPLE:
        yield Finding((*path, "caCrl"), "expected nothing: it goes with certificates of clients")
    yield from _files_given(tls, path)


def _own_files(tls: ServerTLSSettings) -> bool:
    return bool(tls.server_certificate or tls.private_key or tls.ca_certificates)


def _files(tls: ServerTLSSettings) -> dict[str, bool]:
    return {
        "serverCertificate": bool(tls.server_certificate),
        "privateKey": bool(tls.private_key),
        "caCertificates": bool(tls.ca_certificates),
        "tlsCertificates": bool(tls.tls_certificates),
        "credentialName": bool(tls.credential_name),
        "credentialNames": bool(tls.credential_names),
    }


def _files_given(tls: ServerTLSSettings, path: Path) -> Findings:
    for index, certificate in enumerate(tls.tls_certificates):
        place: Path = (*path, "tlsCertificates", index)
        for name, file in (
            ("serverCertificate", certificate.server_certificate),
            ("privateKey", certificate.private_key),
        ):
            if not file:
                yield Finding((*place, name), "expected a file, got nothing")
    if not tls.tls_certificates:
        for name, file in (("serverCertificate", tls.server_certificate), ("privateKey", tls.private_key)):
            if not file:
                yield Finding((*path, name), f"expected a file or a credential for mode {tls.mode}, got nothing")
    wants_client = tls.mode in (ServerTLSMode.MUTUAL, ServerTLSMode.OPTIONAL_MUTUAL)
    if wants_client and not (tls.ca_certificates or tls.ca_cert_credential_name):
        yield Finding((*path, "caCertificates"), f"expected a bundle for mode {tls.mode}, got nothing")


def _may_be_cipher(text: str) -> bool:
    """istiod: does not judge what begins with an operator."""
    return is_cipher(text) or not text[:1].isalnum()


def _ciphers(tls: ServerTLSSettings, path: Path) -> Findings:
    place: Path = (*path, "cipherSuites")
    unknown = [each for each in tls.cipher_suites if not _may_be_cipher(each)]
    known = [each for each in tls.cipher_suites if _may_be_cipher(each)]
    repeated = [each for index, each in enumerate(known) if each in known[:index]]
    if unknown:
        yield note(place, f"ignoring invalid cipher suites: [{' '.join(dict.fromkeys(unknown))}]")
    if repeated:
        yield note(place, f"ignoring duplicate cipher suites: [{' '.join(dict.fromkeys(repeated))}]")
    if tls.min_protocol_version in _OLD and not tls.cipher_suites:
        words = "requires cipherSuites that it knows: the default ones no longer include any"
        yield note((*path, "minProtocolVersion"), f"TLS version below TLSV1_2 {words}")
