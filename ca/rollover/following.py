"""Agents that follow the roots of the mesh: they are told what to trust at once, and tell what their proxies took over.

Comes in: streams of `meshpilot.trust.v1.TrustService`, authenticated like every other call. Goes out: roots, whenever
they change; into the ledger, what each proxy trusts and shows. A report counts for the identity that the stream has
proven, whatever it says.

Source: issue "certificate authority", part 5.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from ca.authn.caller import Caller
from ca.authn.grpc_call import GrpcAuthentication
from ca.authority import Authority
from ca.bundle import Bundle, encode_certificate
from ca.errors import RequestError, status_of
from ca.rollover.holders import LONGEST_NAME, Holder, Holding, holder_of, signer_of
from ca.rollover.ledger import Ledger
from istio_api import trust_pb2

SERVICE, METHOD = "meshpilot.trust.v1.TrustService", "Follow"
RENEWALS_A_SECOND = 100
"""How fast proxies are asked to renew, so that the rest of the CA's callers are not held up. Arbitrary."""
_MOST_ROOTS = 100
_LAST_WORD = 1.0  # seconds

_log = logging.getLogger("ca")


class Followers:
    """The open streams. Register `handler()`."""

    def __init__(self, authority: Authority, ledger: Ledger, authentication: GrpcAuthentication) -> None:
        self._authority = authority
        self._ledger = ledger
        self._authentication = authentication
        self._connected = ledger.reporting
        self._others: tuple[str, ...] = ()
        self._widened = asyncio.Event()

    def connected(self) -> frozenset[Holder]:
        """Who reports at this moment."""
        return frozenset(self._connected)

    def also_trust(self, roots: tuple[str, ...]) -> None:
        """Roots of a mesh that has several, PEM, one each: followers are to trust these besides our CA's."""
        self._others = roots
        self._widened.set()
        self._widened = asyncio.Event()

    def handler(self) -> "grpc.GenericRpcHandler[bytes, bytes]":
        """What the server registers."""
        method: Any = grpc.stream_stream_rpc_method_handler(self._serve)
        return grpc.method_handlers_generic_handler(SERVICE, {METHOD: method})

    async def _serve(self, requests: AsyncIterator[bytes], context: Any) -> None:
        try:
            caller = await self._authentication.identify(context)
            first = await anext(requests, None)
            if first is None:
                return
            await self._follow(caller, first, requests, context)
        except Exception as error:
            code, details = status_of(error)
            if code is grpc.StatusCode.INTERNAL:
                _log.error("stream of a follower failed", exc_info=error)
            await context.abort(code, details)

    async def _follow(self, caller: Caller, first: bytes, requests: AsyncIterator[bytes], context: Any) -> None:
        report = decode_report(first)
        holder = holder_of(caller.identities, caller, report.proxy)
        self._connected[holder] += 1
        self._note(holder, report)
        ended = asyncio.Event()
        telling = asyncio.create_task(self._tell(context, ended))
        try:
            async for data in requests:
                self._note(holder, decode_report(data))
        finally:
            # Nothing is awaited before this is done: a client that leaves cancels us, more than once.
            self._connected[holder] -= 1
            if self._connected[holder] <= 0:
                del self._connected[holder]
            ended.set()
            try:
                await asyncio.wait({telling}, timeout=_LAST_WORD)  # no status can be sent while something is written
            finally:
                telling.cancel()

    async def _tell(self, context: Any, ended: asyncio.Event) -> None:
        """Writes what is in force, now and after each change. A client that is gone is told nothing."""
        ending = asyncio.create_task(ended.wait())
        with contextlib.suppress(grpc.aio.BaseError):
            while not ended.is_set():
                bundle, widened = self._authority.bundle, self._widened
                await context.write(self._trust(bundle).SerializeToString())
                changing = (self._authority.changed_from(bundle), widened.wait())
                waiting = {asyncio.create_task(each) for each in changing}
                try:
                    await asyncio.wait({ending, *waiting}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for each in waiting:
                        each.cancel()

    def _trust(self, bundle: Bundle) -> trust_pb2.Trust:
        own = (encode_certificate(each) for each in bundle.root_certificates)
        return trust_pb2.Trust(
            roots=dict.fromkeys((*own, *self._others)),
            # Below a plugged-in CA nobody has to renew: what an intermediate signed stays good under its root.
            signer="" if bundle.chain else signer_of(bundle),
            spread_ms=1000 * len(self._connected) // RENEWALS_A_SECOND,
        )

    def _note(self, holder: Holder, report: trust_pb2.Report) -> None:
        self._ledger.put(holder, Holding(report.signer, tuple(report.roots), report.expiry))


def decode_report(data: bytes) -> trust_pb2.Report:
    """Raises: RequestError."""
    try:
        report = trust_pb2.Report.FromString(data)
    except DecodeError as error:
        raise RequestError("message is no meshpilot.trust.v1.Report") from error
    texts = (*report.roots, report.signer)
    if len(report.roots) > _MOST_ROOTS or any(len(each) > LONGEST_NAME for each in texts):
        raise RequestError(f"report: expected at most {_MOST_ROOTS} roots, each a fingerprint")
    if not report.proxy or not -(1 << 40) < report.expiry < 1 << 40:
        raise RequestError("report: expected the name of a proxy, and an expiry in seconds")
    return report
