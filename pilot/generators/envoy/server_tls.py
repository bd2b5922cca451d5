"""TLS at servers that users configure: gateways, and ingress listeners of Sidecars.

In: `ServerTLSSettings` and the mesh's defaults. Out: a `TransportSocket` (shared: never change it). Certificates are
named only: Envoy fetches them by SDS, from us or from its agent.
Names and fingerprints count where clients show certificates; Envoy would refuse them elsewhere.
Source: xDS behaviour 4.11 (TLS context), appendix A.14.
"""

import re
from base64 import b64decode
from typing import Any, Final

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import CertificateValidationContext, TlsParameters
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import CommonTlsContext

from pilot.generators.envoy import alpn, sds, tls
from pilot.memo import memoized
from pilot.model.ciphers import is_cipher
from pilot.model.features import Features
from pilot.model.gateway import ServerTLSMode, ServerTLSSettings, TLSProtocol
from pilot.model.mesh import MeshConfig
from pilot.view.proxy import Flavour

KUBERNETES: Final = "kubernetes://"
BUILTIN: Final = "builtin://"
INVALID: Final = "invalid://"
"""A name that no secret has: the chain is there, and its handshakes fail."""
ROOTS_SUFFIX: Final = "-cacert"
_SCHEMES: Final = (KUBERNETES, BUILTIN, INVALID, "kubernetes-gateway://", "configmap://", sds.EXTERNAL_PREFIX)

CURVES: Final = frozenset({"P-256", "P-384", "P-521", "X25519", "X25519MLKEM768"})
"""Curves (and groups) for key exchange that Envoy's TLS library knows; one unknown name would cost the listener."""

_SPKI_LENGTH, _SHA256_LENGTH = 44, 32
_HASH: Final = re.compile("[0-9a-fA-F]{64}|[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){31}")
_NO_HASH: Final = "00" * _SHA256_LENGTH
"""The fingerprint of no certificate."""

_VERSIONS: Final = {
    TLSProtocol.TLSV1_0: TlsParameters.TLSv1_0,
    TLSProtocol.TLSV1_1: TlsParameters.TLSv1_1,
    TLSProtocol.TLSV1_2: TlsParameters.TLSv1_2,
    TLSProtocol.TLSV1_3: TlsParameters.TLSv1_3,
}
_COMBINED: Final = CommonTlsContext.CombinedCertificateValidationContext


def resource_name(credential: str) -> str:
    """The SDS resource that a credential name of a Gateway means."""
    return credential if credential.startswith(_SCHEMES) else f"{KUBERNETES}{credential}"


@memoized()
def build_server_tls(
    settings: ServerTLSSettings,
    http: bool,
    mesh: MeshConfig,
    features: Features,
    flavour: Flavour,
    file_socket: bool,
    credential_socket: bool,
    quic: bool = False,
) -> Any:
    """The socket of a chain that terminates TLS as `settings` say; `http`: what is inside is HTTP.

    `file_socket`, `credential_socket`: the agent serves files, or external secrets, on sockets of their own. `quic`:
    for HTTP/3, which never asks for certificates of clients.
    """
    mutual = settings.mode in (ServerTLSMode.MUTUAL, ServerTLSMode.OPTIONAL_MUTUAL)
    if settings.mode is ServerTLSMode.ISTIO_MUTUAL:
        protocols = alpn.downstream_protocols(http=http, features=features, flavour=flavour)
        context = CommonTlsContext(alpn_protocols=protocols)
        context.tls_certificate_sds_secret_configs.append(sds.WORKLOAD_CERTIFICATE)
        context.combined_validation_context.CopyFrom(_checked(settings, sds.WORKLOAD_ROOTS))
        return tls.downstream(context, require_client_certificate=True)
    context = CommonTlsContext(alpn_protocols=("h3",) if quic else ("h2", "http/1.1"))
    _set_parameters(context, settings, mesh)
    if settings.credential_name or settings.credential_names:
        _add_credentials(context, settings, credential_socket, mutual=mutual)
    else:
        _add_files(context, settings, file_socket, mutual=mutual)
    if quic:
        return tls.quic_downstream(context)
    return tls.downstream(context, require_client_certificate=settings.mode is ServerTLSMode.MUTUAL)


def _set_parameters(context: Any, settings: ServerTLSSettings, mesh: MeshConfig) -> None:
    """The mesh's defaults, then what the server says; nothing is written where nothing is said."""
    parameters = TlsParameters()
    defaults = mesh.tls_defaults
    ciphers: tuple[str, ...] = ()
    if defaults is not None:
        ciphers = defaults.cipher_suites
        parameters.ecdh_curves.extend(each for each in defaults.ecdh_curves if each in CURVES)
        parameters.tls_minimum_protocol_version = _VERSIONS.get(defaults.min_protocol_version, TlsParameters.TLS_AUTO)
    if settings.min_protocol_version is not TLSProtocol.TLS_AUTO:
        parameters.tls_minimum_protocol_version = _VERSIONS[settings.min_protocol_version]
    if settings.max_protocol_version is not TLSProtocol.TLS_AUTO:
        parameters.tls_maximum_protocol_version = _VERSIONS[settings.max_protocol_version]
    known = [each for each in dict.fromkeys(settings.cipher_suites or ciphers) if is_cipher(each)]
    parameters.cipher_suites.extend(known)
    if parameters != TlsParameters():
        context.tls_params.CopyFrom(parameters)


def _add_credentials(context: Any, settings: ServerTLSSettings, own_socket: bool, *, mutual: bool) -> None:
    names = [resource_name(each) for each in settings.credential_names or (settings.credential_name,)]
    for name in names:
        builtin = name.startswith(BUILTIN)
        certificate = sds.WORKLOAD_CERTIFICATE if builtin else sds.credential(name, external_socket=own_socket)
        context.tls_certificate_sds_secret_configs.append(certificate)
    if not mutual:
        return
    if settings.ca_cert_credential_name:
        roots = sds.credential(resource_name(settings.ca_cert_credential_name), external_socket=own_socket)
    elif names[0].startswith(BUILTIN):
        roots = sds.WORKLOAD_ROOTS
    else:
        roots = sds.credential(f"{names[0]}{ROOTS_SUFFIX}", external_socket=own_socket)
    checked = _checked(settings, roots)
    _pin(checked.default_validation_context, settings)
    context.combined_validation_context.CopyFrom(checked)


def _pin(checks: Any, settings: ServerTLSSettings) -> None:
    """Only these certificates. What is no fingerprint is left out; if nothing is left, nobody has the right one."""
    spki = [each for each in settings.verify_certificate_spki if _is_spki(each)]
    hashes = [each for each in settings.verify_certificate_hash if _HASH.fullmatch(each)]
    checks.verify_certificate_spki.extend(spki)
    if not spki and not hashes and (settings.verify_certificate_spki or settings.verify_certificate_hash):
        hashes = [_NO_HASH]
    checks.verify_certificate_hash.extend(hashes)


def _is_spki(text: str) -> bool:
    """Whether it is a SHA-256 in base64."""
    try:
        return len(text) == _SPKI_LENGTH and len(b64decode(text, validate=True)) == _SHA256_LENGTH
    except ValueError:
        return False


def _add_files(context: Any, settings: ServerTLSSettings, own_socket: bool, *, mutual: bool) -> None:
    pairs = [(each.server_certificate, each.private_key) for each in settings.tls_certificates]
    for chain, key in pairs or [(settings.server_certificate, settings.private_key)]:
        context.tls_certificate_sds_secret_configs.append(sds.file_certificate(chain, key, own_socket=own_socket))
    roots = settings.ca_certificates or next((each.ca_certificates for each in settings.tls_certificates), "")
    if mutual:
        secret = sds.file_roots(roots, own_socket=own_socket)
        context.combined_validation_context.CopyFrom(_checked(settings, secret))


def _checked(settings: ServerTLSSettings, roots: Any) -> Any:
    """Client certificates signed by `roots`, with one of the names where some are given."""
    checks = CertificateValidationContext(match_subject_alt_names=tls.exact(settings.subject_alt_names))
    if settings.ca_crl:
        checks.crl.CopyFrom(DataSource(filename=settings.ca_crl))
    return _COMBINED(default_validation_context=checks, validation_context_sds_secret_config=roots)
