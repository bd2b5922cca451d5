"""Metrics as Prometheus text, under exactly the names they have.

In: a registry. Out: text of version 0.0.4. The library's own writer adds `_total` to the name of every counter;
istiod's counters have none, and dashboards ask for those names.
Source: operations 8; Prometheus text exposition format.
"""

import math
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.samples import Sample

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_DROPPED = ("_created", "_gsum", "_gcount")
"""Samples of OpenMetrics that this format has no place for."""


def generate(registry: CollectorRegistry) -> str:
    """Everything in the registry."""
    return "".join(line for metric in registry.collect() for line in _lines(metric))


def _lines(metric: Metric) -> Iterator[str]:
    samples = [each for each in metric.samples if not each.name.endswith(_DROPPED)]
    kind = {"unknown": "untyped", "info": "gauge", "stateset": "gauge"}.get(metric.type, metric.type)
    name = samples[0].name if kind == "counter" and samples else metric.name
    yield f"# HELP {name} {_escape(metric.documentation)}\n"
    yield f"# TYPE {name} {kind}\n"
    for each in samples:
        yield f"{each.name}{_labels(each)} {_number(each.value)}\n"


def _labels(sample: Sample) -> str:
    pairs: Iterable[str] = (f'{key}="{_escape_value(value)}"' for key, value in sorted(sample.labels.items()))
    return f"{{{','.join(pairs)}}}" if sample.labels else ""


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _escape_value(text: str) -> str:
    return _escape(text).replace('"', r"\"")


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(float(value))
