"""The filter that counts traffic: istio.stats, for HTTP and for bytes.

In: what is counted, and on which side. Out: the filter. Logs and traces are made beside this module.
Source: xDS behaviour 7.3 (metrics), appendix A.16.
"""

from collections.abc import Mapping
from typing import Final

from google.protobuf.duration_pb2 import Duration

from istio_api.stats_pb2 import MetricConfig, PluginConfig, Reporter
from pilot.generators.envoy.wire import Extension, extension
from pilot.memo import memoized
from pilot.model.observation import MetricOverride, ObservedSide, Statistics
from pilot.validation.cel import expression_fault

_NAMES: Final[Mapping[str, str]] = {
    "REQUEST_COUNT": "requests_total",
    "REQUEST_DURATION": "request_duration_milliseconds",
    "REQUEST_SIZE": "request_bytes",
    "RESPONSE_SIZE": "response_bytes",
    "TCP_OPENED_CONNECTIONS": "tcp_connections_opened_total",
    "TCP_CLOSED_CONNECTIONS": "tcp_connections_closed_total",
    "TCP_SENT_BYTES": "tcp_sent_bytes_total",
    "TCP_RECEIVED_BYTES": "tcp_received_bytes_total",
    "GRPC_REQUEST_MESSAGES": "request_messages_total",
    "GRPC_RESPONSE_MESSAGES": "response_messages_total",
}
"""Prometheus names; custom metrics keep theirs."""


def stats_filter(side: ObservedSide, *, outbound: bool, waypoint: bool = False) -> Extension | None:
    """istio.stats as an HTTP or network filter; None where no provider is fed by it.

    `outbound`: of a sidecar, toward services. Of several such providers the first counts: one Envoy has one filter.
    """
    found = next((each for each in side.statistics if each.provider.prometheus is not None), None)
    return _filter(found, outbound, waypoint) if found is not None else None


@memoized(size=1024)
def _filter(statistics: Statistics, outbound: bool, waypoint: bool) -> Extension:
    interval = statistics.reporting_interval
    config = PluginConfig(
        disable_host_header_fallback=not outbound,
        metrics=[_metric(each) for each in statistics.overrides],
        reporter=Reporter.SERVER_GATEWAY if waypoint else Reporter.UNSPECIFIED,
    )
    if interval is not None:
        duration = Duration()
        duration.FromTimedelta(interval)
        config.tcp_reporting_duration.CopyFrom(duration)
    return extension("istio.stats", config)


def _metric(override: MetricOverride) -> MetricConfig:
    """A tag whose value is no expression is left out: the filter would refuse all of them."""
    return MetricConfig(
        name=_NAMES.get(override.name, override.name),
        dimensions={tag: value for tag, value in override.tags if expression_fault(value) is None},
        tags_to_remove=override.removed,
        drop=override.drop,
    )
