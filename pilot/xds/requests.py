"""A request of a proxy, whichever of the two protocols it speaks, and what a protocol has to provide.

In: nothing. Out: types. The two protocols are `sotw.py` and `delta.py`; the session is the same for both.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pilot.errors import MissingNode
from pilot.resources import ResourceSet
from pilot.type_urls import TypeUrl
from pilot.xds.responses import Body, Responses
from pilot.xds.subscription import NO_NAMES, Step, Subscription

NO_CLAIMS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Request:
    """A DiscoveryRequest or DeltaDiscoveryRequest."""

    type_url: TypeUrl
    nonce: str = ""
    """Of the response that this accepts or refuses; empty: of none."""
    error: str | None = None
    """Why the response is refused, in the client's words; None: it is not."""
    names: frozenset[str] = NO_NAMES
    """State of the world: all that is wanted. Delta: what is wanted from now on."""
    unsubscribe: frozenset[str] = NO_NAMES
    """Delta only."""
    claims: Mapping[str, str] = field(default_factory=lambda: NO_CLAIMS)
    """Delta only: what the client has from an earlier stream, version by name."""
    node: Any = None
    """`envoy.config.core.v3.Node`, or None. Only that of the first request counts (xDS behaviour 1.2, step 5)."""
    version: str = ""
    """State of the world only: of what was accepted last, on an earlier stream too."""
    error_code: int = 0
    """gRPC's, with `error`."""


def node_of(request: Request) -> Any:
    """The node of a first request. Raises: MissingNode. Source: xDS behaviour 1.2, step 5."""
    if request.node is None or not request.node.id:
        raise MissingNode("missing node information")
    return request.node


@dataclass(frozen=True, slots=True)
class Debt:
    """What a response has to be made from, besides the new set."""

    type_url: TypeUrl
    sent: ResourceSet
    """What the client was sent last."""
    asked: frozenset[str]
    """Names that it is owed, though they may be unchanged."""
    wanted: Subscription
    claims: Mapping[str, str]
    clusters: ResourceSet | None
    """For endpoints: the clusters that this stream was sent, if any."""


class FrontEnd(Protocol):
    """One of the two protocols."""

    CONTROL_PLANE: int
    """Number of the field of a response that says who answers."""

    def decode(self, data: bytes) -> Request:
        """Raises: BadRequest for bytes that are no request, MissingType for one that does not say of what type."""
        ...

    def only_judges(self, request: Request, held: Subscription) -> bool:
        """Whether a request about the last response accepts it and wants nothing but what is `held`."""
        ...

    def step(self, request: Request, held: Subscription | None, current: bool) -> Step:
        """What the request wants. `current`: it speaks of no response, or of the last one."""
        ...

    def prepare(self, responses: Responses, new: ResourceSet) -> Iterator[None]:
        """Makes in pieces what the first answer with all of a large set is put together of."""
        ...

    def body(self, responses: Responses, debt: Debt, new: ResourceSet) -> Body:
        """The response that brings a client to `new`, perhaps an empty one."""
        ...
