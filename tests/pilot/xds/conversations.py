"""A session and what it serves, to talk to in tests: each request is answered as the server would answer it."""

import itertools
from collections.abc import Iterator
from typing import Any

from pilot.type_urls import CLUSTER, ENDPOINT, LISTENER, ROUTE, TypeUrl
from pilot.xds.delta import Delta
from pilot.xds.events import Event, Nonce
from pilot.xds.requests import FrontEnd, Request
from pilot.xds.responses import Responses
from pilot.xds.session import Response, Session
from pilot.xds.sotw import StateOfTheWorld
from pilot.xds.table import State
from tests.pilot.xds.worlds import World, anything, cluster, endpoints, node

SOTW, DELTA = StateOfTheWorld(), Delta()


def counted() -> Iterator[Nonce]:
    return (Nonce(str(number)) for number in itertools.count(1))


def names(*given: str) -> frozenset[str]:
    return frozenset(given)


class Conversation:
    """A session and what it serves; `say` plays a request, answers and all."""

    def __init__(self, front: FrontEnd, world: World | None = None) -> None:
        self.front, self.world = front, world or World()
        self.session = Session(front, Responses(), counted())
        self.first = True
        self.events: tuple[Event, ...] = ()

    def say(self, type_url: TypeUrl, *wanted: str, nonce: str | None = "", **more: Any) -> list[Response]:
        request = Request(type_url, nonce or "", names=frozenset(wanted), node=node() if self.first else None, **more)
        self.first = False
        self.events = self.session.receive(request)
        return self.answers()

    def answers(self, pushed: tuple[TypeUrl, ...] = ()) -> list[Response]:
        """What the server would send now: what is owed, and of `pushed` what changed."""
        made = []
        for type_url in self.session.watched():
            if type_url in pushed or self.session.owes(type_url):
                wanted = self.session.wanted(type_url)
                found = self.world.resources_for(None, type_url, None if wanted.wildcard else wanted.names)
                response = self.session.respond(type_url, found) if found is not None else None
                made += [response] if response else []
        return made

    def ack(self, response: Response) -> list[Response]:
        wanted = self.session.wanted(response.type_url)
        given = wanted.names if self.front is SOTW else ()
        return self.say(response.type_url, *given, nonce=response.nonce)

    def state(self, type_url: TypeUrl) -> State:
        return self.session.watches[type_url].state


def small_world() -> World:
    world = World()
    world.put(CLUSTER, cluster("a", "1"), cluster("b", "1"))
    world.put(ENDPOINT, endpoints("a", "1"), endpoints("b", "1"))
    world.put(LISTENER, anything(LISTENER, "l", "1"))
    world.put(ROUTE, anything(ROUTE, "r", "1"), anything(ROUTE, "s", "1"))
    return world


def synced(front: FrontEnd) -> Conversation:
    """Clusters, endpoints of a and b, listeners, both routes: asked for, sent and accepted."""
    talk = Conversation(front, small_world())
    for type_url, *wanted in ((CLUSTER,), (ENDPOINT, "a", "b"), (LISTENER,), (ROUTE, "r", "s")):
        (response,) = talk.say(TypeUrl(type_url), *wanted)
        assert talk.ack(response) == []
    return talk


def brief(responses: list[Response]) -> list[tuple[TypeUrl, tuple[str, ...]]]:
    return [(each.type_url, each.body.names) for each in responses]
