from pilot.model import objects
from pilot.sources import events
from pilot.sources.events import Batch, Event


def test_sources_and_model_mean_the_same_events() -> None:
    assert events.Event is objects.Event


def test_a_batch_is_no_listing_unless_it_says_so() -> None:
    assert Batch((Event(objects.ObjectKey("Pod", "a", "b"), None),)) != Batch(())
    assert not Batch(()).listed
    assert Batch(()).place(objects.ObjectKey("Pod", "a", "b")) is None
