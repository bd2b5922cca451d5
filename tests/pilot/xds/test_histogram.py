from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from pilot.xds.histogram import Histogram


def page(made: Histogram) -> list[str]:
    class Shown(Collector):
        def collect(self) -> list[object]:  # type: ignore[override]
            return [made.family()]

    registry = CollectorRegistry()
    registry.register(Shown())
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def test_observations_are_counted_up_to_each_bound() -> None:
    made = Histogram("seconds", "how long", (0.1, 1))
    for value in (0.05, 0.1, 0.5, 7):
        made.observe(value)
    assert page(made) == [
        'seconds_bucket{le="0.1"} 2.0',
        'seconds_bucket{le="1.0"} 3.0',
        'seconds_bucket{le="+Inf"} 4.0',
        "seconds_count 4.0",
        "seconds_sum 7.65",
    ]


def test_labels_are_counted_apart() -> None:
    made = Histogram("seconds", "how long", (1,), "type")
    made.observe(2, "cds")
    made.observe(0, "eds")
    lines = page(made)
    assert 'seconds_bucket{le="1.0",type="cds"} 0.0' in lines
    assert 'seconds_bucket{le="1.0",type="eds"} 1.0' in lines
    assert 'seconds_sum{type="cds"} 2.0' in lines


def test_one_without_a_label_is_there_before_anything_was_observed() -> None:
    assert "seconds_count 0.0" in page(Histogram("seconds", "how long", (1,)))
    assert page(Histogram("seconds", "how long", (1,), "type")) == []
