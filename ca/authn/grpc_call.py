"""From a gRPC call to its caller: the same for the certificate service and for xDS streams.

Comes in: the servicer context of a call. Goes out: a `Call`, a `Caller`, or identities as text. Does not answer the
call: what it raises is mapped by `ca.errors.status_of`.

Source: CA behaviour 1.1 (headers), 1.2, 1.3.
"""

from collections.abc import Iterable
from typing import Protocol

from ca.authn.caller import Call, Caller
from ca.authn.chain import Chain
from ca.authn.connections import Connections
from ca.secret import Secret

_BEARER = "Bearer "


class Context(Protocol):
    """The part of `grpc.aio.ServicerContext` that says who is calling."""

    def peer(self) -> str: ...

    def invocation_metadata(self) -> Iterable[tuple[str, str | bytes]] | None: ...


class GrpcAuthentication:
    """Authenticates calls of the servers behind one secure port (and of plaintext ones, which it can tell apart)."""

    def __init__(self, chain: Chain, connections: Connections) -> None:
        self._chain = chain
        self._connections = connections

    def use(self, chain: Chain) -> None:
        """From now on calls are authenticated by this one."""
        self._chain = chain

    async def authenticate(self, context: Context) -> tuple[str, ...] | None:
        """The identities of who opens a stream; None when nobody is asked (plaintext, or authentication is off).

        Raises: UnauthenticatedError. Source: xDS behaviour 1.2 (4).
        """
        return await self._chain.identities(self.read(context))

    async def identify(self, context: Context) -> Caller:
        """Who is calling, where somebody must be. Raises: UnauthenticatedError."""
        return await self.identify_call(self.read(context))

    async def identify_call(self, call: Call) -> Caller:
        """As `identify`, for a call that has been read. Raises: UnauthenticatedError."""
        return await self._chain.identify(call)

    def read(self, context: Context) -> Call:
        """What the call says about its caller."""
        peer = context.peer()
        connection = self._connections.find(peer)
        bearer: Secret[str] | None = None
        forwarded = ""
        clusters: list[str] = []
        for name, value in context.invocation_metadata() or ():
            if not isinstance(value, str):
                continue
            if name == "authorization" and bearer is None and value.startswith(_BEARER):
                bearer = Secret(value[len(_BEARER) :])
            elif name == "clusterid":
                clusters.append(value)
            elif name == "x-forwarded-client-cert":
                forwarded = forwarded or value
        return Call(
            peer=connection.address if connection else peer,
            is_secure=connection is not None,
            certificate_names=connection.certificate_names if connection else (),
            bearer=bearer,
            cluster_id=clusters[0] if len(clusters) == 1 else "",
            forwarded=forwarded,
        )
