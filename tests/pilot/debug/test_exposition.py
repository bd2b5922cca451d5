"""Metrics keep their names."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from pilot.debug.exposition import generate


class Plain(Collector):
    """A counter whose name has no ending."""

    def collect(self) -> Iterator[Metric]:
        family = Metric("pilot_xds_pushes", "Pushes.", "counter")
        family.add_sample("pilot_xds_pushes", {"type": "cds"}, 3)
        yield family


def test_counter_without_total_keeps_its_name_in_the_type_line() -> None:
    registry = CollectorRegistry()
    registry.register(Plain())
    assert generate(registry) == (
        '# HELP pilot_xds_pushes Pushes.\n# TYPE pilot_xds_pushes counter\npilot_xds_pushes{type="cds"} 3.0\n'
    )


def test_counter_with_total_keeps_it() -> None:
    registry = CollectorRegistry()
    Counter("things", "Things.", registry=registry).inc()
    assert "# TYPE things_total counter\nthings_total 1.0\n" in generate(registry)


def test_labels_and_help_are_escaped() -> None:
    registry = CollectorRegistry()
    Gauge("g", "two\nlines", ["name"], registry=registry).labels('a"b\\c\nd').set(1)
    assert generate(registry) == '# HELP g two\\nlines\n# TYPE g gauge\ng{name="a\\"b\\\\c\\nd"} 1.0\n'


def test_histograms_can_be_read_back() -> None:
    registry = CollectorRegistry()
    Histogram("h", "H.", buckets=(1, 2), registry=registry).observe(1.5)
    samples = {
        (s.name, s.labels.get("le")): s.value
        for f in text_string_to_metric_families(generate(registry))
        for s in f.samples
    }
    assert samples[("h_bucket", "2.0")] == 1
    assert samples[("h_count", None)] == 1
