import dataclasses
import typing

import pytest

from pilot.type_urls import CLUSTER
from pilot.xds.events import Acked, Event, HealthReported, Nacked, Nonce, Queried, Stale, Subscribed, Unsubscribed

ONE_OF_EACH: tuple[Event, ...] = (
    Subscribed(CLUSTER, frozenset("a")),
    Unsubscribed(CLUSTER, frozenset("a")),
    Acked(CLUSTER, Nonce("1")),
    Nacked(CLUSTER, Nonce("1"), ("a",), "bad"),
    Stale(CLUSTER, Nonce("1")),
    HealthReported(True, ""),
    Queried(CLUSTER, frozenset("a")),
)


def test_every_kind_of_event_is_listed_here() -> None:
    assert {type(event) for event in ONE_OF_EACH} == set(typing.get_args(Event))


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=lambda event: type(event).__name__)
def test_event_is_a_frozen_value(event: Event) -> None:
    assert event == dataclasses.replace(event)
    assert hash(event) == hash(dataclasses.replace(event))
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(event, dataclasses.fields(event)[0].name, "other")
