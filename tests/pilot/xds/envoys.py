"""A model of Envoy's side of a stream: what it asks for, holds, forgets, and which of its clusters still warm.

Bytes come in and go out. Follows what Envoy does where that makes trouble for a server: it coalesces wishes, says a
difference only once, forgets the endpoints of a removed cluster, and warms an updated cluster until endpoints come.
"""

from collections import deque
from dataclasses import dataclass, field

from envoy.service.discovery.v3 import discovery_pb2

from pilot.type_urls import BY_NAME, CLUSTER, ENDPOINT, LISTENER, ROUTE, TypeUrl
from tests.pilot.xds.worlds import name_in, node

TYPES = (CLUSTER, ENDPOINT, LISTENER, ROUTE)
BAD = "bad"
"""A resource with this content is refused."""


@dataclass
class ModelEnvoy:
    """One Envoy, of either protocol, over any number of streams."""

    delta: bool
    have: dict[TypeUrl, dict[str, tuple[str, bytes]]] = field(default_factory=lambda: {each: {} for each in TYPES})
    """Version (of a delta resource) and serialized Any, by name."""
    wanted: dict[TypeUrl, set[str]] = field(default_factory=lambda: {each: set() for each in BY_NAME})
    warming: set[str] = field(default_factory=set)
    outbox: deque[bytes] = field(default_factory=deque)
    nonces: dict[TypeUrl, str] = field(default_factory=dict)
    started: set[TypeUrl] = field(default_factory=set)
    """Types asked for on this stream."""
    added: dict[TypeUrl, set[str]] = field(default_factory=lambda: {each: set() for each in BY_NAME})
    removed: dict[TypeUrl, set[str]] = field(default_factory=lambda: {each: set() for each in BY_NAME})
    """Wishes not yet sent."""

    def connect(self) -> None:
        """A new stream: everything is asked for again."""
        self.outbox.clear()
        self.nonces.clear()
        self.started.clear()
        for type_url in TYPES:
            if type_url not in BY_NAME or self.wanted[type_url]:
                self._first(type_url)

    def _first(self, type_url: TypeUrl) -> None:
        self.started.add(type_url)
        names = sorted(self.wanted.get(type_url, ()))
        if self.delta:
            held = self.have[type_url].items()
            claims = {name: v for name, (v, _) in held if type_url not in BY_NAME or name in names}
            self._send_delta(type_url, "", names, (), claims)
        else:
            self._send_sotw(type_url, "")
        if type_url in BY_NAME:
            self.added[type_url].clear()
            self.removed[type_url].clear()

    def _send_delta(
        self,
        type_url: TypeUrl,
        error: str,
        subscribe: list[str],
        unsubscribe: tuple[str, ...],
        claims: dict[str, str],
        nonce: str = "",
    ) -> None:
        message = discovery_pb2.DeltaDiscoveryRequest(
            node=node(),
            type_url=type_url,
            resource_names_subscribe=subscribe,
            resource_names_unsubscribe=unsubscribe,
            initial_resource_versions=claims,
            response_nonce=nonce,
        )
        if error:
            message.error_detail.message = error
        self.outbox.append(message.SerializeToString())

    def _send_sotw(self, type_url: TypeUrl, error: str) -> None:
        message = discovery_pb2.DiscoveryRequest(
            node=node(),
            type_url=type_url,
            resource_names=sorted(self.wanted.get(type_url, ())),
            response_nonce=self.nonces.get(type_url, ""),
        )
        if error:
            message.error_detail.message = error
        self.outbox.append(message.SerializeToString())

    def want(self, type_url: TypeUrl, name: str) -> None:
        """A new interest; told with the next `flush`."""
        if name not in self.wanted[type_url]:
            self.wanted[type_url].add(name)
            self.removed[type_url].discard(name)  # removed, then added: told as added
            self.added[type_url].add(name)

    def unwant(self, type_url: TypeUrl, name: str) -> None:
        """An interest lost: what is held of it is forgotten."""
        if name in self.wanted[type_url]:
            self.wanted[type_url].discard(name)
            self.added[type_url].discard(name)
            self.removed[type_url].add(name)
            self.have[type_url].pop(name, None)

    def flush(self, type_url: TypeUrl, nonce: str = "", error: str = "") -> None:
        """Tells the wishes that have gathered, alone or with an ACK or NACK."""
        added, removed = self.added.get(type_url, set()), self.removed.get(type_url, set())
        if type_url not in self.started:
            if self.wanted[type_url]:
                self._first(type_url)
            return
        if self.delta:
            if added or removed or nonce:
                self._send_delta(type_url, error, sorted(added), tuple(sorted(removed)), {}, nonce)
        elif added or removed or nonce:
            self._send_sotw(type_url, error)
        added.clear()
        removed.clear()

    def receive(self, data: bytes, flush: bool = True) -> list[str]:
        """Takes a response and answers it. Not `flush`: the wishes that follow from it wait. Names that came."""
        if self.delta:
            message = discovery_pb2.DeltaDiscoveryResponse.FromString(data)
            came = {each.name: (each.version, each.resource) for each in message.resources}
            gone = set(message.removed_resources)
            assert len(came) == len(message.resources)
            assert not gone & set(came)  # Envoy refuses a name that comes twice
        else:
            message = discovery_pb2.DiscoveryResponse.FromString(data)
            came = {name_in(each): ("", each) for each in message.resources}
            gone = set(self.have[message.type_url]) - set(came) if message.type_url not in BY_NAME else set()
        refused = [name for name, (_, each) in came.items() if BAD.encode() in each.value]
        good = {name: (v, each.SerializeToString(deterministic=True)) for name, (v, each) in came.items()}
        self._apply(message.type_url, {name: value for name, value in good.items() if name not in refused}, gone)
        self.nonces[message.type_url] = message.nonce
        self._reply(message.type_url, message.nonce, f"refused: {', '.join(refused)}" if refused else "")
        if flush:
            for each in TYPES:
                if each in BY_NAME:
                    self.flush(each)
        return list(came)

    def _reply(self, type_url: TypeUrl, nonce: str, error: str) -> None:
        if type_url in self.started:
            self.flush(type_url, nonce, error)

    def _apply(self, type_url: TypeUrl, came: dict[str, tuple[str, bytes]], gone: set[str]) -> None:
        have = self.have[type_url]
        for name in gone:
            have.pop(name, None)
            if type_url == CLUSTER:
                self.warming.discard(name)
                self.unwant(ENDPOINT, name)
            if type_url == ENDPOINT:
                self.warming.discard(name)  # Envoy: an empty update ends the wait, too
        for name, (version, body) in came.items():
            if type_url in BY_NAME and name not in self.wanted[type_url]:
                continue
            if type_url == CLUSTER and have.get(name, ("", b""))[1] != body:
                self.warming.add(name)
                self.want(ENDPOINT, name)
            if type_url == ENDPOINT:
                self.warming.discard(name)
            have[name] = (version, body)
