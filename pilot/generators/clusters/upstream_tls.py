"""TLS toward a service: whether there is any, with which certificates, and for which endpoints.

In: a rule's TLS settings, facts about the service. Out: an `UpstreamTls`, and the transport socket fields of a cluster.
Contexts between workloads are made in `envoy/tls.py`. Source: xDS behaviour 3.8, 3.3 (7).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.base_pb2 import DataSource, TransportSocket
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import CertificateValidationContext, TlsParameters
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import CommonTlsContext, UpstreamTlsContext

from pilot.generators.clusters.context import Context
from pilot.generators.clusters.facts import ServiceFacts
from pilot.generators.envoy import alpn, sds, sockets, tls
from pilot.generators.envoy.alpn import Speaks
from pilot.generators.envoy.packing import pack
from pilot.memo import memoized
from pilot.model.mesh import TLSConfig
from pilot.model.service import Registry, Service
from pilot.model.traffic_policy import ClientTLSMode, ClientTLSSettings, ProxyProtocol, ProxyProtocolVersion

_FOR_ALL = ("configmap://", "invalid://")
"""Credentials without a secret: roots in a ConfigMap, and those that never come, so that nothing is sent."""
_SECRET = "kubernetes://"
_ROOTS_SUFFIX = "-cacert"
_COMBINED = CommonTlsContext.CombinedCertificateValidationContext


class Asked(Enum):
    """Why there is TLS."""

    NOT = "no TLS"
    REFUSED = "a rule says DISABLE, or names a Secret that is not for sidecars"
    BY_NOBODY = "found out: the workload has a sidecar"
    FOR_MESH = "a rule says ISTIO_MUTUAL"
    FOR_SERVER = "a rule says SIMPLE or MUTUAL"


@dataclass(frozen=True, slots=True)
class UpstreamTls:
    """The socket, and what HTTP has to add for a server outside of the mesh."""

    asked: Asked = Asked.NOT
    socket: Any | None = None
    auto_sni: bool = False
    auto_san_validation: bool = False


_NO_TLS = UpstreamTls()
_REFUSED = UpstreamTls(Asked.REFUSED)


def choose(
    settings: ClientTLSSettings | None,
    service: Service,
    facts: ServiceFacts,
    context: Context,
    *,
    sni: str,
    speaks: Speaks,
    selected: bool,
) -> UpstreamTls:
    """The TLS of one cluster.

    `settings` are those of port and subset; `sni` names the cluster; `selected`: the rule selects workloads, so that
    credential names in it are meant for sidecars.
    """
    if settings is None:
        if not (context.mesh.enable_auto_mtls and facts.mutual_tls):
            return _NO_TLS
        if context.client_files.cert_chain:
            return _server(_with_files(facts.accounts, sni, context), facts.accounts, speaks, context)
        return _mesh(Asked.BY_NOBODY, sni, facts.accounts, speaks, context)
    match settings.mode:
        case ClientTLSMode.DISABLE:
            return _REFUSED
        case ClientTLSMode.ISTIO_MUTUAL if not context.client_files.cert_chain:
            accounts = settings.subject_alt_names or facts.accounts
            return _mesh(Asked.FOR_MESH, settings.sni or sni, accounts, speaks, context)
        case ClientTLSMode.ISTIO_MUTUAL:
            settings = _with_files(settings.subject_alt_names, settings.sni, context)
        case ClientTLSMode.MUTUAL if context.client_files.cert_chain and not service.mesh_external:
            settings = _with_files(settings.subject_alt_names, settings.sni, context)
    if settings.credential_name and not (
        context.is_router or selected or settings.credential_name.startswith(_FOR_ALL)
    ):
        return _REFUSED  # only the workload's own namespace may say which Secret a sidecar reads
    known = facts.accounts if service.registry is Registry.EXTERNAL else ()
    return _server(settings, settings.subject_alt_names or known, speaks, context)


def transport_fields(
    chosen: UpstreamTls, proxy_protocol: ProxyProtocol | None, context: Context, *, original_dst: bool
) -> dict[str, Any]:
    """Values of `transport_socket` or `transport_socket_matches`. `original_dst`: Envoy has no list of endpoints."""
    matches = _matches(chosen, context, original_dst=original_dst)
    socket = chosen.socket if not matches else None
    if proxy_protocol is not None and context.flavour.has(sockets.PROXY_PROTOCOL_TYPE):
        version = 2 if proxy_protocol.version is ProxyProtocolVersion.V2 else 1
        matches = [_wrapped(each, version) for each in matches]
        if not matches:
            socket = sockets.with_proxy_protocol(socket if socket is not None else sockets.RAW, version)
    if matches:
        return {"transport_socket_matches": matches}
    return {"transport_socket": socket} if socket is not None else {}


def _matches(chosen: UpstreamTls, context: Context, *, original_dst: bool) -> list[Any]:
    tunnel = [sockets.TUNNEL_RAW] if context.tunnels else []
    if original_dst and chosen.asked is not Asked.NOT:
        return []
    if chosen.socket is None:
        return [*tunnel, sockets.PLAINTEXT] if tunnel else []
    if chosen.asked is Asked.BY_NOBODY:
        return [*tunnel, sockets.mtls_match(chosen.socket), sockets.PLAINTEXT]
    if not tunnel:
        return []
    if chosen.asked is Asked.FOR_MESH:
        return [*tunnel, sockets.any_match("tlsMode-istio", chosen.socket)]
    return [sockets.tunnel_match(chosen.socket), sockets.any_match("user", chosen.socket)]


def _wrapped(entry: Any, version: int) -> Any:
    wrapped = Cluster.TransportSocketMatch()
    wrapped.CopyFrom(entry)
    wrapped.transport_socket.CopyFrom(sockets.with_proxy_protocol(entry.transport_socket, version))
    return wrapped


def _mesh(asked: Asked, sni: str, accounts: Sequence[str], speaks: Speaks, context: Context) -> UpstreamTls:
    protocols = alpn.upstream_protocols(speaks, context.features, context.flavour)
    return UpstreamTls(asked, tls.istio_mutual(sni, accounts, protocols))


def _with_files(names: Sequence[str], sni: str, context: Context) -> ClientTLSSettings:
    """Mutual TLS with the files that the node metadata names instead of SDS."""
    files = context.client_files
    return ClientTLSSettings(
        mode=ClientTLSMode.MUTUAL,
        client_certificate=files.cert_chain,
        private_key=files.key,
        ca_certificates=files.root,
        subject_alt_names=tuple(names),
        sni=sni,
    )


def _server(settings: ClientTLSSettings, names: Sequence[str], speaks: Speaks, context: Context) -> UpstreamTls:
    common = CommonTlsContext(
        tls_params=_parameters(context.mesh.tls_defaults), alpn_protocols=["h2"] if speaks is Speaks.HTTP2 else []
    )
    if settings.mode is ClientTLSMode.MUTUAL:
        certificate = _certificate(settings, context)
        if certificate is None:
            return _REFUSED
        common.tls_certificate_sds_secret_configs.append(certificate)
    if not settings.insecure_skip_verify:
        common.combined_validation_context.CopyFrom(_validation(settings, names, context))
    elif not settings.credential_name:
        common.validation_context.CopyFrom(CertificateValidationContext())
    whole = UpstreamTlsContext(sni=settings.sni, common_tls_context=common)
    auto_sni = not settings.sni
    return UpstreamTls(
        Asked.FOR_SERVER,
        TransportSocket(name=tls.NAME, typed_config=pack(whole)),
        auto_sni=auto_sni,
        # istiod: names of a ServiceEntry are checked besides, those of a rule instead
        auto_san_validation=auto_sni and not settings.subject_alt_names and not settings.insecure_skip_verify,
    )


def _certificate(settings: ClientTLSSettings, context: Context) -> Any | None:
    if settings.credential_name:
        return sds.credential(_resource_name(settings.credential_name), external_socket=context.credential_socket)
    if not (settings.client_certificate and settings.private_key):
        return None
    return sds.file_certificate(settings.client_certificate, settings.private_key, own_socket=context.own_file_socket)


def _validation(settings: ClientTLSSettings, names: Sequence[str], context: Context) -> Any:
    checks = CertificateValidationContext(match_subject_alt_names=tls.exact(names))
    if settings.credential_name:
        name = _resource_name(settings.credential_name) + _ROOTS_SUFFIX
        roots = sds.credential(name, external_socket=context.credential_socket)
    else:
        roots = sds.file_roots(settings.ca_certificates, own_socket=context.own_file_socket)
        if settings.ca_crl:
            checks.crl.CopyFrom(DataSource(filename=settings.ca_crl))
    return _COMBINED(default_validation_context=checks, validation_context_sds_secret_config=roots)


def _resource_name(credential: str) -> str:
    return credential if "://" in credential else _SECRET + credential


@memoized(size=64)
def _parameters(defaults: TLSConfig | None) -> Any:
    if defaults is None:
        return tls.MESH_PARAMETERS
    made = TlsParameters(cipher_suites=defaults.cipher_suites, ecdh_curves=defaults.ecdh_curves)
    made.MergeFrom(tls.MESH_PARAMETERS)
    return made
