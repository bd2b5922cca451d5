"""Trouble with a quarantine in between: bad resources stay bad, and everything else reaches the client all the same.

`Guarded.words`: whether the client names what it refuses; one that does not takes nothing of such a response.
"""

from typing import Any, ClassVar

from envoy.service.discovery.v3 import discovery_pb2
from hypothesis.stateful import initialize, precondition, rule
from prometheus_client import CollectorRegistry

from pilot.type_urls import BY_NAME, TypeUrl
from pilot.xds.custody import Custody
from pilot.xds.events import Acked, Event, Nacked
from pilot.xds.pushes import Change
from tests.pilot.xds.envoys import BAD, TYPES, ModelEnvoy
from tests.pilot.xds.trouble import Trouble


class Wordless(ModelEnvoy):
    """Refuses a response as a whole, and does not say why."""

    def receive(self, data: bytes, flush: bool = True) -> list[str]:
        """As a client that looks at no resource before all of them are well-formed."""
        kind = discovery_pb2.DeltaDiscoveryResponse if self.delta else discovery_pb2.DiscoveryResponse
        packed = (each.resource if self.delta else each for each in kind.FromString(data).resources)
        self.takes_nothing = any(BAD.encode() in each.value for each in packed)
        return super().receive(data, flush)

    def _apply(self, type_url: TypeUrl, *more: Any) -> None:
        if not self.takes_nothing:
            super()._apply(type_url, *more)

    def _reply(self, type_url: TypeUrl, nonce: str, error: str) -> None:
        super()._reply(type_url, nonce, "broken" if error else "")


class Guarded(Trouble):
    """As trouble, but what is bad is never mended for the client."""

    words: ClassVar[bool]
    connections = 0

    @initialize()
    def start(self) -> None:
        self.custody = Custody(lambda proxy: proxy, CollectorRegistry(), lambda: 0.0)
        self.waiting: set[TypeUrl] = set()
        self.custody.publish = self.wait
        super().start()
        if not self.words:
            self.envoy = Wordless(self.envoy.delta)
            self.connect()

    def wait(self, change: Change) -> None:
        """A push that the quarantine asks for."""
        self.waiting |= change.types or set()

    @property
    def by(self) -> str:
        """The connection."""
        return f"c-{self.connections}"

    def connect(self) -> None:
        self.custody.left(self.by)
        self.connections += 1
        super().connect()

    def push(self, types: tuple[TypeUrl, ...]) -> None:
        due = {*types, *self.waiting}
        self.waiting.clear()
        for type_url in self.session.watched():
            if type_url in due or self.session.owes(type_url):
                wanted = self.session.wanted(type_url)
                current = self.world.all(type_url, None if wanted.wildcard else wanted.names)
                if not self.custody.is_idle:
                    watch = self.session.watches[type_url]
                    current = self.custody.served(self.by, "p", type_url, current, watch)
                response = self.session.respond(type_url, current)
                if response is not None:
                    self.inbox.append(response.data)
        if self.waiting:
            self.push(())

    @precondition(lambda self: self.envoy.outbox)
    @rule()
    def serve(self) -> None:
        request = self.front.decode(self.envoy.outbox.popleft())
        again = [self.judged(event) for event in self.session.receive(request)]
        self.push((request.type_url,) if any(again) else ())

    def judged(self, event: Event) -> bool:
        """Whether the client is to be answered anew."""
        if isinstance(event, Nacked):
            return self.custody.refused(self.by, "p", event, self.session.watches.get(event.type_url))
        if isinstance(event, Acked) and self.custody.is_searching:
            return self.custody.accepted(self.by, "p", event.type_url, self.session.watches.get(event.type_url))
        return False

    @rule()
    def settle(self) -> None:
        """Everything is delivered: the client has all that is good, and nothing that is bad or gone."""
        self.run_dry()
        self.push(TYPES)
        self.run_dry()
        for type_url, there in self.world.resources.items():
            have = {name: body for name, (_, body) in self.envoy.have[type_url].items()}
            assert type_url in BY_NAME or have.keys() <= there.keys()
            for name, each in there.items():
                if BAD.encode() in each.body:
                    assert BAD.encode() not in have.get(name, b"")
                elif type_url not in BY_NAME or name in self.envoy.wanted[type_url]:
                    assert have.get(name) == each.body
        self.push(TYPES)
        assert not self.inbox
