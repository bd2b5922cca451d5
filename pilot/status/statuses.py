"""Everything that controllers say of objects, as a pure function of a snapshot.

In: a snapshot, and the time where certificates that have expired are to be told of. Out: for each object that anything
is to be said of, its status as data: mappings, lists and texts with the API's names. Who writes them adds times, and
what others said. Source: installation 9.5, 10.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pilot.gatewayapi import attachment, conversion, listeners
from pilot.model.objects import ObjectKey
from pilot.model.snapshot import Snapshot
from pilot.status import authorization, classes, expiry, gateways, ingresses, policies, routes, waypoints
from pilot.status.condition import Conditioned, Part, as_data

Status = Mapping[str, Any]


def statuses(snapshot: Snapshot, now: datetime | None = None) -> Mapping[ObjectKey, Status]:
    """By object. What is said of an object that was not declared is about a built-in one."""
    return {key: as_data(status) for key, status in _all(snapshot, now)}


def _all(snapshot: Snapshot, now: datetime | None) -> Iterator[tuple[ObjectKey, Part | Conditioned]]:
    if snapshot.features.gateway_api:
        yield from classes.statuses(snapshot)
        around = conversion.surroundings(snapshot.seen, snapshot.settings)
        judged = attachment.by_parent(listeners.judge(around))
        found, counted = routes.statuses(snapshot, around, judged)
        yield from gateways.statuses(snapshot, around, expiry.told(judged, snapshot, now), counted)
        yield from found.items()
        yield from policies.statuses(around)
    yield from ingresses.statuses(snapshot)
    yield from waypoints.statuses(snapshot)
    yield from authorization.statuses(snapshot)
