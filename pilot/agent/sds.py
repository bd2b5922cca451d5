"""Secret discovery: one stream of Envoy's, in either protocol, and the server on the agent's Unix socket.

In: requests of `envoy.service.secret.v3.SecretDiscoveryService` and the `SecretStore`. Out: responses, as ready bytes.
`StateOfTheWorldStream` and `DeltaStream` hold what one stream asked for and was sent, and do no I/O; `serve_stream`
moves their messages; `SecretServer` owns the socket. Does not make secrets.
"""

import asyncio
import logging
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import grpc
import grpc.aio
from envoy.service.discovery.v3 import discovery_pb2

from pilot.agent.errors import OptionError
from pilot.agent.secret import Secret
from pilot.agent.secret_store import SecretStore
from pilot.type_urls import SECRET

logger = logging.getLogger("agent")

Write = Callable[[bytes], Awaitable[None]]

SERVICE = "envoy.service.secret.v3.SecretDiscoveryService"
LONGEST_SOCKET_PATH = 107  # bytes; sockaddr_un has 108 and a zero
GRACE = 0.5  # seconds that open streams get at the end


class SecretStream(Protocol):
    """One stream: what it asked for, what it was sent."""

    def receive(self, request: Any) -> str | None:
        """Notes a request. Returns Envoy's words where it rejects what it was sent."""
        ...

    def respond(self, secrets: Mapping[str, Secret]) -> bytes | None:
        """The response due, serialized; None where Envoy has everything it asked for that exists."""
        ...

    @property
    def names(self) -> Iterable[str]:
        """The secrets asked for."""
        ...

    @property
    def taken(self) -> Mapping[str, str]:
        """Versions that Envoy has acknowledged, by name."""
        ...


class StateOfTheWorldStream:
    """StreamSecrets: a request names all that is wanted, a response holds all of that which exists."""

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()
        self.taken: Mapping[str, str] = {}
        self._sent: dict[str, str] = {}
        self._nonce = 0

    def receive(self, request: Any) -> str | None:
        """Notes a request; one that answers an older response than the last is stale and ignored."""
        if request.response_nonce and request.response_nonce != str(self._nonce):
            return None
        self.names = tuple(dict.fromkeys(request.resource_names))
        self._sent = {name: version for name, version in self._sent.items() if name in self.names}
        if request.response_nonce and not request.HasField("error_detail"):
            self.taken = dict(self._sent)
        return str(request.error_detail.message) if request.HasField("error_detail") else None

    def respond(self, secrets: Mapping[str, Secret]) -> bytes | None:
        """Everything wanted that exists, if any of it is new to Envoy."""
        current = {name: secrets[name] for name in self.names if name in secrets}
        versions = {name: secret.version for name, secret in current.items()}
        if versions == self._sent:
            return None
        self._sent = versions
        self._nonce += 1
        response = discovery_pb2.DiscoveryResponse(
            version_info="-".join(versions.values()), type_url=SECRET, nonce=str(self._nonce)
        )
        for each in current.values():
            response.resources.add().MergeFromString(each.body)
        return bytes(response.SerializeToString())


class DeltaStream:
    """DeltaSecrets: requests add and remove names, a response holds what changed."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.taken: Mapping[str, str] = {}
        self._sent: dict[str, str] = {}
        self._nonce = 0

    def receive(self, request: Any) -> str | None:
        """Notes a request. A name subscribed to once more is sent once more, except what a reconnecting Envoy has."""
        for name in request.resource_names_subscribe:
            self.names.add(name)
            self._sent.pop(name, None)
        for name in request.resource_names_unsubscribe:
            self.names.discard(name)
            self._sent.pop(name, None)
        self._sent.update(
            (name, version) for name, version in request.initial_resource_versions.items() if name in self.names
        )
        if request.response_nonce == str(self._nonce) and not request.HasField("error_detail"):
            self.taken = dict(self._sent)
        return str(request.error_detail.message) if request.HasField("error_detail") else None

    def respond(self, secrets: Mapping[str, Secret]) -> bytes | None:
        """The wanted secrets that Envoy does not have in this version."""
        wanted = [secrets[name] for name in sorted(self.names) if name in secrets]
        changed = [each for each in wanted if self._sent.get(each.name) != each.version]
        if not changed:
            return None
        self._nonce += 1
        response = discovery_pb2.DeltaDiscoveryResponse(type_url=SECRET, nonce=str(self._nonce))
        for each in changed:
            self._sent[each.name] = each.version
            response.resources.add(name=each.name, version=each.version).resource.MergeFromString(each.body)
        return bytes(response.SerializeToString())


async def serve_stream(
    stream: SecretStream, requests: AsyncIterator[Any], write: Write, store: SecretStore, owner: str
) -> None:
    """Writes the responses of one stream, after each request and each change what is due then, until Envoy ends it."""
    with store.watch() as changed:
        reading = asyncio.ensure_future(anext(requests, None))
        waiting = asyncio.ensure_future(changed.wait())
        try:
            while True:
                await asyncio.wait((reading, waiting), return_when=asyncio.FIRST_COMPLETED)
                if reading.done():
                    request = reading.result()
                    if request is None:
                        return
                    rejected = stream.receive(request)
                    if rejected is not None:
                        logger.error(f"{owner}: envoy rejects secret {', '.join(stream.names)}: {rejected}")
                    store.want(stream.names)
                    store.take(stream, stream.names, stream.taken)
                    reading = asyncio.ensure_future(anext(requests, None))
                if waiting.done():
                    waiting = asyncio.ensure_future(changed.wait())
                changed.clear()
                response = stream.respond(store.secrets)
                if response is not None:
                    await write(response)
        finally:
            store.leave(stream)
            reading.cancel()
            waiting.cancel()
            await asyncio.gather(reading, waiting, return_exceptions=True)


class SecretServer:
    """The SDS server on a Unix socket that only this user can open."""

    def __init__(self, store: SecretStore, socket: Path, owner: str, *beside: Any) -> None:
        """`beside`: handlers of what else Envoy asks there."""
        if len(str(socket).encode()) > LONGEST_SOCKET_PATH:
            message = f"socket {socket}: expected at most {LONGEST_SOCKET_PATH} bytes, choose a shorter run directory"
            raise OptionError(message)
        self._store = store
        self._socket = socket
        self._owner = owner
        self._server = grpc.aio.server(options=(("grpc.max_receive_message_length", -1),))
        self._server.add_generic_rpc_handlers((self._methods(), *beside))

    async def start(self) -> None:
        """Listens. The directory of the socket must be private already: the socket's own mode follows the bind."""
        self._socket.unlink(missing_ok=True)
        self._server.add_insecure_port(f"unix:{self._socket}")
        await self._server.start()
        self._socket.chmod(stat.S_IRUSR | stat.S_IWUSR)

    async def stop(self) -> None:
        """Ends all streams and removes the socket."""
        await self._server.stop(GRACE)
        self._socket.unlink(missing_ok=True)

    def _methods(self) -> Any:
        def method(make: Callable[[], SecretStream], request: Any) -> Any:
            async def streamed(requests: AsyncIterator[Any], context: Any) -> None:
                await serve_stream(make(), requests, context.write, self._store, self._owner)

            return grpc.stream_stream_rpc_method_handler(
                streamed, request_deserializer=request.FromString, response_serializer=None
            )

        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "StreamSecrets": method(StateOfTheWorldStream, discovery_pb2.DiscoveryRequest),
                "DeltaSecrets": method(DeltaStream, discovery_pb2.DeltaDiscoveryRequest),
            },
        )
