"""The certificate service: who calls, what is asked, and a certificate from `ca.issue`, as a gRPC method.

Comes in: IstioCertificateRequest messages. Goes out: a certificate chain, or one of the statuses of `ca.errors`. The
identity in a certificate comes from the caller's credentials, only the public key from the request. Signing runs
beside the event loop (`ca.signing_process`), which goes on meanwhile.

Source: CA behaviour 1.1; recorded answers.
"""

import logging

import grpc
from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import Struct

from ca import template
from ca.authn.caller import Caller
from ca.authn.grpc_call import GrpcAuthentication
from ca.authn.impersonation import NodeAuthorizer
from ca.authority import Authority
from ca.errors import ImpersonationError, RequestError, SigningError, UnauthenticatedError, status_of
from ca.metrics import Events
from ca.registration import Registration
from ca.rollover.holders import holder_of
from ca.rollover.ledger import Ledger
from ca.signing_process import Signer
from istio_api import ca_pb2

SERVICE = "istio.v1.auth.IstioCertificateService"
METHOD = "CreateCertificate"

Context = grpc.aio.ServicerContext[bytes, bytes]

_log = logging.getLogger("ca")


class CertificateService:
    """`CreateCertificate` for a grpc.aio server: register `handler()`."""

    def __init__(
        self,
        authority: Authority,
        authentication: GrpcAuthentication,
        events: Events,
        signer: Signer,
        nodes: NodeAuthorizer | None = None,
        registration: Registration | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        """`signer`: works beside the event loop. `nodes`: decides who may ask in another's name;
        without it, nobody. `registration`: signs in the authority's place (EXTERNAL_CA).
        `ledger`: remembers what was issued.
        """
        self._authority = authority
        self._authentication = authentication
        self._events = events
        self._signer = signer
        self._nodes = nodes
        self._registration = registration
        self._ledger = ledger

    def handler(self) -> "grpc.GenericRpcHandler[bytes, bytes]":
        """What the server registers. Messages stay bytes until the caller is known: strangers cost no parsing."""
        method = grpc.unary_unary_rpc_method_handler(self._serve)
        return grpc.method_handlers_generic_handler(SERVICE, {METHOD: method})

    async def _serve(self, request: bytes, context: Context) -> bytes:
        self._events.requested()
        try:
            response = await self.create_certificate(request, context)
        except Exception as error:
            self._report(error, context)
            code, details = status_of(error)
        else:
            self._events.issued()
            return response
        await context.abort(code, details)
        raise AssertionError("unreachable: abort raises")

    async def create_certificate(self, request: bytes, context: Context) -> bytes:
        """The whole path for one request; a serialized IstioCertificateResponse. Raises: DeniedError."""
        call = self._authentication.read(context)
        caller = await self._authentication.identify_call(call)
        message = decode_request(request)
        identities = caller.identities
        wanted = _text(message.metadata, "ImpersonatedIdentity")
        if wanted:
            self._check_impersonation(caller, call.cluster_id, wanted)
            identities = (wanted,)
        if self._registration is not None:
            named = _text(message.metadata, "CertSigner")
            chain = await self._registration.sign(message.csr, identities, message.validity_duration, named)
            return ca_pb2.IstioCertificateResponse(cert_chain=chain).SerializeToString()
        authority = self._authority
        bundle, now, seconds = authority.bundle, authority.clock(), message.validity_duration
        chain = await self._signer.issue(
            bundle, authority.policy, message.csr, identities, seconds, now=now, serial=authority.new_serial()
        )
        if self._ledger is not None:
            named = _text(message.metadata, "Proxy") or call.peer.rpartition(":")[0]
            expiry = min(now + template.choose_lifetime(seconds, authority.policy), bundle.issuer.not_after)
            self._ledger.issued(holder_of(identities, caller, named), bundle, expiry)
        return ca_pb2.IstioCertificateResponse(cert_chain=chain).SerializeToString()

    def _check_impersonation(self, caller: Caller, cluster_id: str, wanted: str) -> None:
        if self._nodes is None:
            raise ImpersonationError("no node account is trusted to ask for other workloads")
        self._nodes.check(caller, cluster_id, wanted)

    def _report(self, error: Exception, context: Context) -> None:
        """Logs and counts; the level follows the blame."""
        peer = self._authentication.read(context).peer
        match error:
            case UnauthenticatedError():
                self._events.refused()
                _log.info(f"certificate request of {peer} refused: {error}")
            case RequestError():
                self._events.unreadable()
                _log.info(f"certificate request of {peer} refused: {error}")
            case SigningError():
                self._events.failed(error)
                level = logging.INFO if error.code is grpc.StatusCode.INVALID_ARGUMENT else logging.ERROR
                _log.log(level, f"certificate request of {peer} not signed: {error}")
            case _:
                _log.error(f"certificate request of {peer} failed", exc_info=error)


def decode_request(request: bytes) -> ca_pb2.IstioCertificateRequest:
    """The message of a call. Raises: RequestError."""
    try:
        return ca_pb2.IstioCertificateRequest.FromString(request)
    except DecodeError as error:
        raise RequestError("request is no istio.v1.auth.IstioCertificateRequest") from error


def _text(metadata: Struct, key: str) -> str:
    return metadata.fields[key].string_value if key in metadata.fields else ""
