"""The state-of-the-world protocol: each request names everything that is wanted, each response is complete.

In: bytes of a DiscoveryRequest. Out: a `Request`; how it changes a subscription; the DiscoveryResponse.
Holds no state. Source: xDS behaviour 1.8; xDS protocol.
"""

from collections.abc import Iterator
from dataclasses import replace

from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf.message import DecodeError

from pilot.errors import BadRequest, MissingType
from pilot.resources import ResourceSet
from pilot.type_urls import TypeUrl
from pilot.xds.requests import Debt, Request
from pilot.xds.responses import Body, Responses
from pilot.xds.subscription import EVERYTHING, NO_NAMES, Step, Subscription, replace_names


class StateOfTheWorld:
    """Front end of the session for StreamAggregatedResources."""

    CONTROL_PLANE = 6
    """Number of the field that says who answers."""

    def decode(self, data: bytes) -> Request:
        """Raises: BadRequest, MissingType."""
        try:
            message = discovery_pb2.DiscoveryRequest.FromString(data)
        except DecodeError as error:
            raise BadRequest(f"request of {len(data)} bytes is no DiscoveryRequest") from error
        if not message.type_url:
            raise MissingType("request without a type URL")
        return Request(
            type_url=TypeUrl(message.type_url),
            nonce=message.response_nonce,
            error=message.error_detail.message if message.HasField("error_detail") else None,
            error_code=message.error_detail.code,
            names=frozenset(message.resource_names),
            version=message.version_info,
            node=message.node if message.HasField("node") else None,
        )

    def only_judges(self, request: Request, held: Subscription) -> bool:
        """It repeats the names that are held; without any it never said one."""
        if request.error is not None:
            return False
        if not request.names:
            return held.wildcard and not held.explicit
        return held.explicit and not held.wildcard and request.names == held.names

    def step(self, request: Request, held: Subscription | None, current: bool) -> Step:
        """Its names replace the subscription, unless it was sent before the last response arrived.

        The client repeats all names with its next request, hence nothing is lost. Source: xDS behaviour 1.8.3-1.8.5.
        But what it gives up counts at once: where it wants it back with that next request it has it no longer, which
        nothing else would tell. istiod leaves it waiting.
        """
        if held is not None and not current and (request.names or held.wildcard):
            kept = held.names if held.wildcard else held.names & request.names
            return Step(held) if kept == held.names else Step(replace(held, names=kept), dropped=held.names - kept)
        step = replace_names(held, request.type_url, request.names)
        if held is not None and not request.nonce and request.error is None:
            # xDS 1.8.3: without a nonce the watch begins anew, and everything is sent again.
            wanted = step.subscription
            everything = frozenset((EVERYTHING,)) if wanted.wildcard else NO_NAMES
            return Step(wanted, wanted.names | everything, step.dropped, step.ends)
        return step

    def prepare(self, responses: Responses, new: ResourceSet) -> Iterator[None]:
        """Nothing: clients that want everything of a mesh speak the delta protocol."""
        return iter(())

    def body(self, responses: Responses, debt: Debt, new: ResourceSet) -> Body:
        """Complete for types that are not asked for by name; of the others only what is new."""
        return responses.sotw(debt.type_url, debt.sent, new, debt.asked)
