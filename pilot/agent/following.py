"""Follows the roots of the mesh: takes over what the control plane says to trust, reports what Envoy has taken over.

In: one stream of `meshpilot.trust.v1.TrustService`, the `Identity`, the `SecretStore`. Out: roots for the identity,
reports for the control plane, which waits for them when it changes the root. A control plane that does not know the
service is asked again from time to time; without it roots come with each certificate. Does not judge roots: the
connection proved that they come from the control plane.

Source: issue "certificate authority", part 5.
"""

import asyncio
import logging
import random
from typing import Any, NoReturn

import grpc
import grpc.aio

from istio_api import trust_pb2
from pilot.agent.certificate_authority import Credentials, call_metadata, open_channel
from pilot.agent.errors import AgentError, CertificateError
from pilot.agent.identity import Identity
from pilot.agent.options import AgentOptions
from pilot.agent.secret import CERTIFICATE, ROOTS
from pilot.agent.secret_store import SecretStore
from pilot.agent.workload_certificate import decode_certificates, encode_certificates, fingerprint, signing_root

logger = logging.getLogger("agent")

METHOD = "/meshpilot.trust.v1.TrustService/Follow"
FIRST_PAUSE, LAST_PAUSE = 0.2, 5.0  # seconds; arbitrary
UNKNOWN_PAUSE = 300.0  # seconds; a control plane may learn it with its next version


class RootFollower:
    """One proxy's stream."""

    def __init__(self, options: AgentOptions, identity: Identity, store: SecretStore) -> None:
        self._options = options
        self._identity = identity
        self._store = store
        self._uses_token = False
        self._report = trust_pb2.Report(proxy=options.name)

    async def serve(self) -> NoReturn:
        """Follows until it is cancelled."""
        await self._identity.available.wait()
        pause = FIRST_PAUSE
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._follow()
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                    pause = UNKNOWN_PAUSE
                logger.debug("%s: roots are not followed: %s", self._options.name, error.details())
            except AgentError as error:
                logger.debug("%s: roots are not followed: %s", self._options.name, error)
            self._uses_token = not self._uses_token  # a control plane that is new may not know our certificate
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))
            was_long = asyncio.get_running_loop().time() - began > 2 * LAST_PAUSE
            pause = FIRST_PAUSE if was_long else min(2 * pause, LAST_PAUSE)

    async def _follow(self) -> None:
        """One stream, until it ends. Raises: AioRpcError, AgentError."""
        credentials = await self._credentials()
        async with open_channel(self._options, self._trusted(), credentials) as channel:
            method: Any = channel.stream_stream(
                METHOD,
                request_serializer=trust_pb2.Report.SerializeToString,
                response_deserializer=trust_pb2.Trust.FromString,
            )
            call = method(metadata=call_metadata(self._options, credentials))
            reporting = asyncio.create_task(self._tell(call))
            try:
                while (trust := await call.read()) is not grpc.aio.EOF:  # type: ignore[attr-defined]  # not in stubs
                    self._uses_token = True  # so that the next stream is by certificate again
                    self._take(trust)
            finally:
                reporting.cancel()
                await asyncio.gather(reporting, return_exceptions=True)
                call.cancel()

    async def _credentials(self) -> Credentials | None:
        if self._uses_token:
            token = await self._options.token.read()
            if token is not None:
                return token
        return self._identity.certificate

    def _trusted(self) -> bytes:
        return encode_certificates(self._identity.roots())

    def _take(self, trust: trust_pb2.Trust) -> None:
        try:
            roots = decode_certificates("".join(trust.roots).encode(), "roots of the control plane")
        except CertificateError as error:
            logger.warning(f"{self._options.name}: {error}")
            return
        self._identity.follow(roots, trust.signer, trust.spread_ms / 1000)

    async def _tell(self, call: Any) -> None:
        """Writes a report at first, and whenever Envoy has taken over something else."""
        sent: trust_pb2.Report | None = None
        with self._store.watch_taken() as changed:
            while True:
                self._look()
                if sent != self._report:
                    sent = trust_pb2.Report.FromString(self._report.SerializeToString())
                    await call.write(sent)
                await changed.wait()
                changed.clear()

    def _look(self) -> None:
        """Brings the report up to date, as far as Envoy has acknowledged what there is."""
        certificate, roots = self._identity.certificate, self._identity.roots()
        if self._store.is_taken(ROOTS):
            del self._report.roots[:]
            self._report.roots.extend(map(fingerprint, roots))
        if certificate is not None and self._store.is_taken(CERTIFICATE):
            known = (*self._identity.roots(), *certificate.roots)
            root = signing_root(certificate.chain, known, preferred=self._identity.signer)
            self._report.signer = fingerprint(root) if root is not None else ""
            self._report.expiry = int(certificate.not_after.timestamp())
