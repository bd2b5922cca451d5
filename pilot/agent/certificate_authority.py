"""Asks the control plane to sign a certificate: one call of `istio.v1.auth.IstioCertificateService`.

In: a CSR and the caller's credentials (a client certificate, or a bearer token). Out: the PEM items of the answer. Each
call opens its own connection, since the credentials differ from call to call. Does not retry (see `identity.py`) and
does not judge the answer (see `workload_certificate.py`).
Source: CA behaviour 1.1, 1.2.
"""

from collections.abc import Sequence
from typing import Protocol

import grpc
import grpc.aio

from istio_api import ca_pb2
from pilot.agent.errors import SigningError
from pilot.agent.options import AgentOptions
from pilot.agent.token import BearerToken
from pilot.agent.workload_certificate import WorkloadCertificate

METHOD = "/istio.v1.auth.IstioCertificateService/CreateCertificate"
TIMEOUT = 10.0  # seconds a call

Credentials = BearerToken | WorkloadCertificate


class CertificateAuthority(Protocol):
    """Something that signs."""

    async def sign(self, csr: bytes, roots_pem: bytes, credentials: Credentials | None) -> Sequence[str]:
        """The signed chain and the root bundle, as PEM items. Raises: SigningError."""
        ...


class ControlPlane:
    """The certificate authority behind the discovery address."""

    def __init__(self, options: AgentOptions) -> None:
        self._options = options

    async def sign(self, csr: bytes, roots_pem: bytes, credentials: Credentials | None) -> Sequence[str]:
        """One call over TLS; the server must prove, to one of the roots, that it is the control plane.

        Raises: SigningError.
        """
        request = ca_pb2.IstioCertificateRequest(
            csr=csr.decode(), validity_duration=max(1, round(self._options.lifetime.total_seconds()))
        )
        request.metadata.update({"Proxy": self._options.name})  # tells apart workloads of one identity
        try:
            async with open_channel(self._options, roots_pem, credentials) as channel:
                call = channel.unary_unary(
                    METHOD,
                    request_serializer=ca_pb2.IstioCertificateRequest.SerializeToString,
                    response_deserializer=ca_pb2.IstioCertificateResponse.FromString,
                )
                response = await call(request, timeout=TIMEOUT, metadata=call_metadata(self._options, credentials))
        except grpc.aio.AioRpcError as error:
            raise SigningError(error.code(), error.details() or "no reason given") from error
        return tuple(response.cert_chain)


def open_channel(options: AgentOptions, roots_pem: bytes, credentials: Credentials | None) -> grpc.aio.Channel:
    """A connection of its own to the control plane, which has to prove itself to one of the roots."""
    own = credentials if isinstance(credentials, WorkloadCertificate) else None
    pair = (own.key_pem, own.chain_pem) if own is not None else (None, None)
    tls = grpc.ssl_channel_credentials(roots_pem, *pair)
    settings = (
        ("grpc.ssl_target_name_override", options.discovery_name),
        ("grpc.enable_http_proxy", 0),
        ("grpc.enable_retries", 0),
        ("grpc.use_local_subchannel_pool", 1),  # else the last failure's back-off delays this attempt
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.max_receive_message_length", -1),  # the control plane has proven who it is
    )
    return grpc.aio.secure_channel(str(options.discovery), tls, options=settings)


def call_metadata(options: AgentOptions, credentials: Credentials | None) -> tuple[tuple[str, str], ...]:
    """The headers of a call: our cluster, and the token where that is the credential."""
    cluster = ("clusterid", options.cluster_id)
    if isinstance(credentials, BearerToken):
        return cluster, ("authorization", f"Bearer {credentials.value}")
    return (cluster,)
