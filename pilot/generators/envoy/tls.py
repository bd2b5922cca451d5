"""TLS contexts between workloads: mutual TLS of sidecars and gateways, upstream and downstream, and of tunnels.

In: names, protocols, files, trust domains. Out: `TransportSocket` messages (shared: never change them). Does not decide
whether there is TLS: see `clusters/upstream_tls.py` and the listeners. Certificates are fetched by SDS, never in here.
Source: xDS behaviour 3.8, 4.4, appendix A.11.
"""

from collections.abc import Sequence
from typing import Any

from envoy.config.core.v3.base_pb2 import TransportSocket
from envoy.extensions.transport_sockets.quic.v3.quic_transport_pb2 import QuicDownstreamTransport
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import (
    CertificateValidationContext,
    SubjectAltNameMatcher,
    TlsParameters,
)
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import (
    CommonTlsContext,
    DownstreamTlsContext,
    UpstreamTlsContext,
)
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.wrappers_pb2 import BoolValue

from pilot.generators.envoy import alpn, sds
from pilot.generators.envoy.packing import pack
from pilot.memo import memoized
from pilot.model.features import Features
from pilot.model.mesh import MeshConfig
from pilot.view.proxy import ClientFiles, Flavour, Traits

NAME = "envoy.transport_sockets.tls"

MESH_PARAMETERS = TlsParameters(
    tls_minimum_protocol_version=TlsParameters.TLSv1_2, tls_maximum_protocol_version=TlsParameters.TLSv1_3
)
_TUNNEL_PARAMETERS = TlsParameters(
    tls_minimum_protocol_version=TlsParameters.TLSv1_3, tls_maximum_protocol_version=TlsParameters.TLSv1_3
)
_SERVER_CIPHERS = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
)
_COMBINED = CommonTlsContext.CombinedCertificateValidationContext


def exact(names: Sequence[str]) -> list[Any]:
    """Matchers for subject alternative names that must be equal to one of these."""
    return [StringMatcher(exact=name) for name in names]


def istio_mutual(sni: str, accounts: Sequence[str], protocols: Sequence[str]) -> Any:
    """A client of another workload: our certificate, and a server that proves to be one of `accounts`.

    `accounts` are SPIFFE ids or other subject alternative names; none: any workload of the trust domain's roots.
    """
    checks = CertificateValidationContext(match_subject_alt_names=exact(accounts))
    context = CommonTlsContext(
        tls_params=MESH_PARAMETERS,
        alpn_protocols=protocols,
        tls_certificate_sds_secret_configs=_WORKLOAD_CERTIFICATES,
        combined_validation_context=_COMBINED(
            default_validation_context=checks, validation_context_sds_secret_config=sds.WORKLOAD_ROOTS
        ),
    )
    return TransportSocket(name=NAME, typed_config=pack(UpstreamTlsContext(sni=sni, common_tls_context=context)))


_WORKLOAD_CERTIFICATES = (sds.WORKLOAD_CERTIFICATE,)


def trust_domains(mesh: MeshConfig) -> tuple[str, ...]:
    """The trust domain, its aliases and those of additional certificate authorities, each once."""
    of_authorities = (domain for each in mesh.ca_certificates for domain in each.trust_domains)
    return tuple(dict.fromkeys((mesh.trust_domain, *mesh.trust_domain_aliases, *of_authorities)))


def downstream_mtls(*, http: bool, mesh: MeshConfig, features: Features, traits: Traits) -> Any:
    """The server side of mutual TLS on a chain that handles HTTP, or bytes."""
    return _downstream_mtls(http, mesh, features, traits.flavour, traits.server_files, traits.file_credential_socket)


@memoized()
def _downstream_mtls(
    http: bool, mesh: MeshConfig, features: Features, flavour: Flavour, files: ClientFiles, own_socket: bool
) -> Any:
    settings = mesh.mesh_mtls
    parameters = TlsParameters(
        tls_minimum_protocol_version=minimum_version(settings.min_protocol_version if settings else ""),
        tls_maximum_protocol_version=TlsParameters.TLSv1_3,
        cipher_suites=(settings.cipher_suites if settings else ()) or _SERVER_CIPHERS,
    )
    allowed = () if features.skip_validate_trust_domain else trust_domains(mesh)
    checks = CertificateValidationContext(
        match_subject_alt_names=[StringMatcher(prefix=f"spiffe://{domain}/") for domain in allowed]
    )
    context = CommonTlsContext(
        alpn_protocols=alpn.downstream_protocols(http=http, features=features, flavour=flavour), tls_params=parameters
    )
    _add_workload_secrets(context, checks, files, own_socket)
    return downstream(context, require_client_certificate=True)


def minimum_version(name: str) -> int:
    """Istio's name of a lowest TLS version (`TLSV1_3`) as Envoy's number; 1.2 where nothing or TLS_AUTO is said."""
    return _VERSIONS.get(name, int(TlsParameters.TLSv1_2))


_VERSIONS: dict[str, int] = {
    "TLSV1_0": TlsParameters.TLSv1_0,
    "TLSV1_1": TlsParameters.TLSv1_1,
    "TLSV1_2": TlsParameters.TLSv1_2,
    "TLSV1_3": TlsParameters.TLSv1_3,
}


def downstream(context: Any, *, require_client_certificate: bool) -> Any:
    """The socket of a listener chain that terminates TLS with this `CommonTlsContext`."""
    whole = DownstreamTlsContext(
        common_tls_context=context, require_client_certificate=BoolValue(value=require_client_certificate)
    )
    return TransportSocket(name=NAME, typed_config=pack(whole))


def quic_downstream(context: Any) -> Any:
    """The socket of a listener chain for HTTP/3."""
    inner = DownstreamTlsContext(common_tls_context=context, require_client_certificate=BoolValue(value=False))
    return TransportSocket(
        name="envoy.transport_sockets.quic", typed_config=pack(QuicDownstreamTransport(downstream_tls_context=inner))
    )


def hbone_upstream(*, mesh: MeshConfig, features: Features, traits: Traits, peer_namespace: str = "") -> Any:
    """The socket that opens tunnels; `peer_namespace` names accounts of ours that are allowed too (waypoints)."""
    return _hbone(True, mesh, features, traits.server_files, traits.file_credential_socket, peer_namespace)


def hbone_downstream(*, mesh: MeshConfig, features: Features, traits: Traits) -> Any:
    """The socket of the listener that tunnels end at."""
    return _hbone(False, mesh, features, traits.server_files, traits.file_credential_socket, "")


@memoized()
def _hbone(
    upstream: bool, mesh: MeshConfig, features: Features, files: ClientFiles, own_socket: bool, namespace: str
) -> Any:
    prefixes: list[str] = []
    if not features.skip_validate_trust_domain:
        prefixes = [f"spiffe://{domain}/" for domain in trust_domains(mesh)]
        if namespace:
            prefixes.append(f"spiffe://{mesh.trust_domain}/ns/{namespace}/sa/")
    checks = CertificateValidationContext(
        match_typed_subject_alt_names=[
            SubjectAltNameMatcher(san_type=SubjectAltNameMatcher.URI, matcher=StringMatcher(prefix=prefix))
            for prefix in prefixes
        ]
    )
    context = CommonTlsContext(tls_params=_TUNNEL_PARAMETERS, alpn_protocols=["h2"])
    _add_workload_secrets(context, checks, files, own_socket)
    whole = (
        UpstreamTlsContext(common_tls_context=context)
        if upstream
        else DownstreamTlsContext(common_tls_context=context, require_client_certificate=BoolValue(value=True))
    )
    return TransportSocket(name="tls", typed_config=pack(whole))


def _add_workload_secrets(context: Any, checks: Any, files: ClientFiles, own_socket: bool) -> None:
    """Adds the workload's own certificate and roots: by SDS, or from files that the node metadata names."""
    certificate, roots = sds.WORKLOAD_CERTIFICATE, sds.WORKLOAD_ROOTS
    if files.cert_chain and files.key:
        certificate = sds.file_certificate(files.cert_chain, files.key, own_socket=own_socket)
    if files.root:
        roots = sds.file_roots(files.root, own_socket=own_socket)
    context.tls_certificate_sds_secret_configs.append(certificate)
    context.combined_validation_context.CopyFrom(
        _COMBINED(default_validation_context=checks, validation_context_sds_secret_config=roots)
    )
