"""The delta (incremental) protocol: requests and responses name only differences.

In: bytes of a DeltaDiscoveryRequest. Out: a `Request`; how it changes a subscription; the DeltaDiscoveryResponse.
Holds no state. Source: xDS behaviour 1.9; xDS protocol.
"""

from collections.abc import Iterator

from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf.message import DecodeError

from pilot.errors import BadRequest, MissingType
from pilot.resources import ResourceSet
from pilot.type_urls import TypeUrl
from pilot.xds.requests import NO_CLAIMS, Debt, Request
from pilot.xds.responses import Body, Responses, claimed
from pilot.xds.subscription import Step, Subscription, change_names


class Delta:
    """Front end of the session for DeltaAggregatedResources."""

    CONTROL_PLANE = 7
    """Number of the field that says who answers."""

    def decode(self, data: bytes) -> Request:
        """Raises: BadRequest, MissingType."""
        try:
            message = discovery_pb2.DeltaDiscoveryRequest.FromString(data)
        except DecodeError as error:
            raise BadRequest(f"request of {len(data)} bytes is no DeltaDiscoveryRequest") from error
        if not message.type_url:
            raise MissingType("request without a type URL")
        return Request(
            type_url=TypeUrl(message.type_url),
            nonce=message.response_nonce,
            error=message.error_detail.message if message.HasField("error_detail") else None,
            error_code=message.error_detail.code,
            names=frozenset(message.resource_names_subscribe),
            unsubscribe=frozenset(message.resource_names_unsubscribe),
            claims=dict(message.initial_resource_versions) or NO_CLAIMS,
            node=message.node if message.HasField("node") else None,
        )

    def only_judges(self, request: Request, held: Subscription) -> bool:
        """It says no name."""
        return request.error is None and not request.names and not request.unsubscribe

    def step(self, request: Request, held: Subscription | None, current: bool) -> Step:
        """Its names change the subscription, whichever response it speaks of.

        A client says a difference only once, often together with the ACK of a response that is no longer the last one.
        istiod drops such a request (recorded), and the name would never come. Source: xDS behaviour 1.9.2-1.9.4.
        """
        return change_names(held, request.type_url, request.names, request.unsubscribe, frozenset(request.claims))

    def prepare(self, responses: Responses, new: ResourceSet) -> Iterator[None]:
        """Its chunks."""
        return responses.prepare_delta(new)

    def body(self, responses: Responses, debt: Debt, new: ResourceSet) -> Body:
        """What changed, what is gone, what was asked for; after a reconnect what differs from the client's claims."""
        if debt.claims:
            return claimed(debt.type_url, debt.claims, new, debt.asked, debt.wanted, debt.clusters)
        return responses.delta(debt.type_url, debt.sent, new, debt.asked, debt.wanted, debt.clusters)
