"""What stands behind each service, all sources together.

In: parts, each the endpoints that one slice, pod or entry contributes to a service. Out: one `ServiceEndpoints` for
each service, the same object as long as it says the same. Does not know how parts are made.
Source: xDS behaviour 2.4, 6.1 (shards), 1.10 (what an endpoint change means).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pilot.model.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class ServiceEndpoints:
    """Everything behind one service, of all ports."""

    endpoints: tuple[Endpoint, ...] = ()
    """In shard order: provider, cluster, then the registry's own order."""
    accounts: tuple[str, ...] = ()
    """SPIFFE ids of the endpoints, sorted."""
    plaintext: bool = True
    """Some endpoint does not do Istio's mutual TLS, or there is none."""


NO_ENDPOINTS = ServiceEndpoints()
Part = tuple[Endpoint, ...]
Parts = Mapping[tuple[str, ...], Part]
"""Endpoints of a service by where they come from: a sort key that begins with the shard."""
