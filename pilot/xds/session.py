"""One xDS stream as a state machine: requests in, events out; resource sets in, responses out.

No I/O, no clock, no randomness. What a request does to a type is looked up in `table.py`; the two front ends,
`sotw.py` and `delta.py`, only read what a request wants and write responses. A push is a `respond` that no request
came before:

    for event in session.receive(request): ...                       # what it meant
    for type_url in session.watched():                               # in push order: endpoints after clusters
        if pushing or session.owes(type_url):
            response = session.respond(type_url, resources_for(session.wanted(type_url)))

The stream holds the sets it was sent, never copies of names. Source: xDS behaviour 1.2 (step 5), 1.8, 1.9.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from pilot.resources import EMPTY, ResourceSet
from pilot.type_urls import CLUSTER, DEBUG_PREFIX, ENDPOINT, HEALTH, LISTENER, PUSH_ORDER, ROUTE, TypeUrl
from pilot.xds import wire
from pilot.xds.events import Acked, Event, HealthReported, Nonce, Queried
from pilot.xds.requests import NO_CLAIMS, Debt, FrontEnd, Request, node_of
from pilot.xds.responses import Body, Responses
from pilot.xds.subscription import EVERYTHING, NO_NAMES, Subscription, intern_names
from pilot.xds.table import TABLE, State, Verdict, Wish
from pilot.xds.watch import Watch

_JUDGEABLE = (State.SENT, State.LIVE, State.REJECTED)
_LEADING = (LISTENER, ROUTE)
"""Types that lead to clusters."""
_RANK: Mapping[TypeUrl, int] = {type_url: rank for rank, type_url in enumerate(PUSH_ORDER)}


def _rank(type_url: TypeUrl) -> int:
    return _RANK.get(type_url, len(_RANK))


@dataclass(frozen=True, slots=True)
class Response:
    """One message to the client."""

    type_url: TypeUrl
    nonce: Nonce
    body: Body

    @property
    def data(self) -> bytes:
        """The whole message: bytes that streams share, and this stream's nonce."""
        return b"".join((*self.body.chunks, wire.encode_nonce(self.nonce)))


class Session:
    """The stream of one proxy. `nonces` names its responses; `same` gives one object for equal sets of names."""

    def __init__(
        self,
        front: FrontEnd,
        responses: Responses,
        nonces: Iterator[Nonce],
        same: Callable[[frozenset[str]], frozenset[str]] = lambda names: names,
    ) -> None:
        self._front = front
        self._responses = responses
        self._nonces = nonces
        self._same = same
        self._knows_node = False
        self._watches: dict[TypeUrl, Watch] = {}
        self._order: tuple[TypeUrl, ...] = ()
        self._cold = NO_NAMES
        """Endpoints that new clusters wait for, and that the client has not asked for yet."""

    @property
    def watches(self) -> Mapping[TypeUrl, Watch]:
        """To look at, for debug pages."""
        return self._watches

    def receive(self, request: Request) -> tuple[Event, ...]:
        """What a request means; afterwards `owes` tells what it must be answered.

        Raises: MissingNode for a first request that does not say who asks; nothing has changed then.
        """
        if request.type_url == HEALTH:  # never answered; before the first request not even heard (1.2, step 5)
            return (HealthReported(request.error is None, request.error or ""),) if self._knows_node else ()
        self._knows_node = self._knows_node or node_of(request) is not None
        if request.type_url.startswith(DEBUG_PREFIX):
            return (Queried(request.type_url, request.names),)

        known = self._watches.get(request.type_url)
        if known is not None and self._is_plain_ack(request, known):  # nearly always; the table says the same
            known.state = State.LIVE
            known.judge(request, Verdict.ACK)
            return (Acked(request.type_url, Nonce(request.nonce)),)
        watch = known or Watch()
        is_new = watch.state is State.NEW
        current = not request.nonce or request.nonce == watch.nonce
        step = self._front.step(request, None if is_new else watch.wanted, current)
        if step.subscription is not watch.wanted:
            step = intern_names(step, self._same)
        wish = Wish.NOTHING if step.ends else Wish.MORE if step.asked else Wish.SAME
        verdict = watch.verdict(request)
        if request.type_url == CLUSTER and verdict is Verdict.NACK:
            self._cold = NO_NAMES  # it will not ask for their endpoints
        state, kinds = TABLE[watch.state, verdict, wish]
        happened = watch.events(request, step, kinds)
        if state is State.NEW:
            self._watches.pop(request.type_url, None)
            self._order = tuple(each for each in self._order if each != request.type_url)
            return happened
        if is_new:
            # All that there is will be new to the client, but for what it claims to have: nothing else is owed.
            watch.asked = step.asked - {EVERYTHING} if EVERYTHING in step.asked else step.asked
            watch.claims, watch.is_continued = request.claims, bool(request.version)
            watch.claimed = frozenset(request.claims)
            self._order = tuple(sorted((*self._order, request.type_url), key=_rank))
        elif step.asked or step.dropped:
            watch.asked = frozenset(filter(step.subscription.wants, watch.asked | step.asked))
        watch.wanted, watch.state = step.subscription, state
        watch.judge(request, verdict)
        self._watches[request.type_url] = watch
        return happened

    def _is_plain_ack(self, request: Request, watch: Watch) -> bool:
        is_current = bool(request.nonce) and request.nonce == watch.nonce and watch.state in _JUDGEABLE
        return is_current and self._front.only_judges(request, watch.wanted)

    def watched(self) -> tuple[TypeUrl, ...]:
        """Types in the order in which they are to be sent; those without a place in it last."""
        return self._order

    def wanted(self, type_url: TypeUrl) -> Subscription:
        """What the client wants of a type; nothing of one that it does not watch."""
        watch = self._watches.get(type_url)
        return watch.wanted if watch else Subscription()

    def owes(self, type_url: TypeUrl) -> bool:
        """Whether the client waits for an answer: it asked, or was sent clusters that wait for their endpoints."""
        watch = self._watches.get(type_url)
        return watch is not None and (watch.state is State.ASKED or bool(watch.asked))

    def holds(self, type_url: TypeUrl) -> bool:
        """Whether a push of this type has to wait: it may lead to clusters that are not ready to be used.

        Envoy asks for the endpoints of new clusters once it has these, and answers 503 for a route that arrives before.
        Nothing that the client asked for waits. Ends with `release` at the latest: a client may never ask.
        """
        if not self._cold or type_url not in _LEADING:
            return False
        watch = self._watches.get(type_url)
        return watch is not None and watch.state is not State.ASKED

    def release(self) -> None:
        """Waits no longer."""
        self._cold = NO_NAMES

    def respond(self, type_url: TypeUrl, resources: ResourceSet) -> Response | None:
        """What to send so that the client has exactly `resources`; None: it has them, or does not watch the type.

        An answer that is due is always given, even an empty one.
        """
        watch = self._watches.get(type_url)
        if watch is None:
            return None
        is_due = watch.state is State.ASKED
        if resources is watch.sent and not is_due and not watch.asked:
            return None
        clusters = self._watches.get(CLUSTER) if type_url == ENDPOINT else None
        known = clusters.sent if clusters and clusters.nonce else None
        debt = Debt(type_url, watch.sent, watch.asked, watch.wanted, watch.claims, known)
        body = self._front.body(self._responses, debt, resources)
        watch.sent, watch.asked, watch.claims = resources, NO_NAMES, NO_CLAIMS
        if self._cold and type_url == ENDPOINT:
            self._cold -= watch.wanted.names  # it has them before anything that is sent from now on
        if body.is_empty and not is_due:
            return None
        if type_url == CLUSTER:
            self._warm(body, resources)
        watch.sending(next(self._nonces), body.updated)
        return Response(type_url, watch.nonce or Nonce(""), body)

    def answer(self, type_url: TypeUrl, resources: ResourceSet) -> Response:
        """The one answer to a debug question. Source: operations 3.3: nothing is stored, no ACK is expected."""
        debt = Debt(type_url, EMPTY, NO_NAMES, Subscription(wildcard=True), NO_CLAIMS, None)
        return Response(type_url, next(self._nonces), self._front.body(self._responses, debt, resources))

    def _warm(self, body: Body, clusters: ResourceSet) -> None:
        """Endpoints that the client watches are owed to it again if their cluster was updated: see `warming.py`.

        Those that it does not watch yet it will ask for: see `holds`.
        """
        endpoints = self._watches.get(ENDPOINT)
        if self._cold:
            self._cold -= frozenset(body.removed)
        if endpoints and body.updated:
            names = self._responses.endpoints_behind(body, clusters)
            if not endpoints.wanted.wildcard and not names <= endpoints.wanted.names:
                self._cold |= names - endpoints.wanted.names
                names &= endpoints.wanted.names
            endpoints.asked = endpoints.asked | names if endpoints.asked else names
