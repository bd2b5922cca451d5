"""Everything that can go wrong between a session and Envoy, as a hypothesis state machine.

Changes, pushes, lost streams, late requests, refusals, wishes that are told late; in the end the client must have what
there is, no cluster may still warm, and nothing may have been sent without need.
"""

from collections import deque

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pilot.resources import ResourceSet
from pilot.type_urls import BY_NAME, ENDPOINT, ROUTE, TypeUrl
from pilot.xds.requests import FrontEnd
from pilot.xds.responses import Responses
from pilot.xds.session import Response, Session
from tests.pilot.xds.conversations import DELTA, SOTW, counted, small_world
from tests.pilot.xds.envoys import BAD, TYPES, ModelEnvoy
from tests.pilot.xds.worlds import anything

NAMES = st.sampled_from("abcd")
CONTENTS = st.sampled_from(["1", "2", BAD, None])


class Trouble(RuleBasedStateMachine):
    """Changes, pushes, lost streams, late requests, refusals; in the end the client has what there is."""

    front: FrontEnd

    @initialize()
    def start(self) -> None:
        self.world = small_world()
        self.responses = Responses(budget=5_000)  # small, so that forgetting happens
        self.envoy = ModelEnvoy(delta=self.front is DELTA)
        self.connect()

    def connect(self) -> None:
        self.session = Session(self.front, self.responses, counted())
        self.inbox: deque[bytes] = deque()
        self.known: dict[TypeUrl, dict[str, str]] = {type_url: {} for type_url in TYPES}
        """What the server told on this stream, or (state of the world: what is gone) could not tell."""
        self.envoy.connect()

    @rule(type_url=st.sampled_from(TYPES), name=NAMES, content=CONTENTS)
    def change(self, type_url: TypeUrl, name: str, content: str | None) -> None:
        if content is not None:
            self.world.put(type_url, anything(type_url, name, content))
        elif name in self.world.resources[type_url]:
            self.world.drop(type_url, name)

    @rule(type_url=st.sampled_from(TYPES))
    def push_one(self, type_url: TypeUrl) -> None:
        self.push((type_url,))

    @rule()
    def push_all(self) -> None:
        self.push(TYPES)

    def push(self, types: tuple[TypeUrl, ...]) -> None:
        for type_url in self.session.watched():
            owed = self.session.owes(type_url)
            if type_url in types or owed:
                wanted = self.session.wanted(type_url)
                current = self.world.all(type_url, None if wanted.wildcard else wanted.names)
                asked = self.session.watches[type_url].asked
                response = self.session.respond(type_url, current)
                if response is not None:
                    self.check(response, current, owed, asked)
                    self.inbox.append(response.data)
                self.known[type_url] = {name: current[name].version for name in current}

    def check(self, response: Response, current: ResourceSet, owed: bool, asked: frozenset[str]) -> None:
        """Minimal: nothing that is neither new, nor changed, nor asked for."""
        before = self.known[response.type_url]
        changed = {name for name in current if before.get(name) != current[name].version}
        if not owed:
            assert changed or response.body.removed
        if self.front is DELTA or response.type_url in BY_NAME:
            assert set(response.body.names) <= changed | asked | (set(current) if "*" in asked else set())
        assert set(response.body.updated) <= set(response.body.names)

    @precondition(lambda self: self.envoy.outbox)
    @rule()
    def serve(self) -> None:
        request = self.front.decode(self.envoy.outbox.popleft())
        stale = request.nonce and request.type_url in self.session.watches
        stale = stale and request.nonce != self.session.watches[request.type_url].nonce
        owed = self.session.owes(request.type_url)
        self.session.receive(request)
        if stale and self.front is SOTW:
            assert self.session.owes(request.type_url) <= owed
        self.push(())

    @precondition(lambda self: self.inbox)
    @rule(flush=st.booleans())
    def deliver(self, flush: bool) -> None:
        self.envoy.receive(self.inbox.popleft(), flush)

    @rule(type_url=st.sampled_from([ENDPOINT, ROUTE]))
    def flush(self, type_url: TypeUrl) -> None:
        self.envoy.flush(type_url)

    @rule(name=NAMES)
    def want_route(self, name: str) -> None:
        self.envoy.want(ROUTE, name)

    @rule(name=NAMES)
    def unwant_route(self, name: str) -> None:
        self.envoy.unwant(ROUTE, name)
        if self.front is SOTW:
            # A name given up and wanted again within one request looks like a repeated ACK. Envoy does not do it: its
            # listeners share their routes; and clusters, which share nothing, are covered by their own update.
            self.envoy.flush(ROUTE)

    @precondition(lambda self: self.envoy.wanted[ROUTE])
    @rule(data=st.data())
    def lose_and_regain_a_route(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.envoy.wanted[ROUTE])))
        self.unwant_route(name)
        self.envoy.want(ROUTE, name)

    @rule()
    def break_stream(self) -> None:
        self.connect()

    @rule()
    def settle(self) -> None:
        """Bad resources are mended, everything is delivered: client and server agree, and nothing warms."""
        for type_url, resources in self.world.resources.items():
            for name in resources:
                if BAD.encode() in resources[name].body:
                    self.world.put(type_url, anything(type_url, name, "1"))
        self.run_dry()
        self.push(TYPES)
        self.run_dry()
        for type_url in TYPES:
            have = {name: body for name, (_, body) in self.envoy.have[type_url].items()}
            if type_url not in BY_NAME:
                assert have == {name: each.body for name, each in self.world.resources[type_url].items()}
                continue
            there = self.world.all(type_url, frozenset(self.envoy.wanted[type_url]))
            wanted = {name: there[name].body for name in there}
            assert {name: body for name, body in have.items() if name in wanted or self.front is DELTA} == wanted
        waiting = self.envoy.warming
        assert not (waiting if self.front is DELTA else waiting & set(self.world.resources[ENDPOINT]))
        assert not any(self.session.owes(type_url) for type_url in TYPES)
        self.push(TYPES)
        assert not self.inbox

    def teardown(self) -> None:
        if hasattr(self, "session"):
            self.settle()

    def run_dry(self) -> None:
        for _ in range(100):
            for type_url in (ENDPOINT, ROUTE):
                self.envoy.flush(type_url)
            while self.envoy.outbox:
                self.serve()
            while self.inbox:
                self.deliver(True)
            if not self.envoy.outbox:
                return
        raise AssertionError("the conversation does not end")

    @invariant()
    def memory_is_bounded(self) -> None:
        if hasattr(self, "session"):
            assert all(len(watch.unjudged) <= 8 for watch in self.session.watches.values())
