"""Outlier detection of a cluster: when an endpoint is left out for a while.

In: a policy's settings. Out: Envoy's message. Success rates are never used. Source: xDS behaviour 3.3 (5).
"""

from typing import Any

from envoy.config.cluster.v3.outlier_detection_pb2 import OutlierDetection as EnvoyOutlierDetection
from envoy.type.v3.percent_pb2 import Percent
from google.protobuf.wrappers_pb2 import UInt32Value

from pilot.model.traffic_policy import OutlierDetection

_NEVER = UInt32Value(value=0)
_ALWAYS = UInt32Value(value=100)
NO_PANIC = Percent(value=0.0)


def build(settings: OutlierDetection) -> Any:
    """Envoy's outlier detection for these settings; a count of zero turns that kind of detection off."""
    fields: dict[str, Any] = {"enforcing_success_rate": _NEVER}
    if settings.consecutive_5xx_errors is not None:
        fields["consecutive_5xx"] = UInt32Value(value=settings.consecutive_5xx_errors)
        fields["enforcing_consecutive_5xx"] = _ALWAYS if settings.consecutive_5xx_errors else _NEVER
    if settings.consecutive_gateway_errors is not None:
        fields["consecutive_gateway_failure"] = UInt32Value(value=settings.consecutive_gateway_errors)
        enforcing = _ALWAYS if settings.consecutive_gateway_errors else _NEVER
        fields["enforcing_consecutive_gateway_failure"] = enforcing
    if settings.split_external_local_origin_errors:
        fields["split_external_local_origin_errors"] = True
        fields["enforcing_local_origin_success_rate"] = _NEVER
        if settings.consecutive_local_origin_failures:
            count = UInt32Value(value=settings.consecutive_local_origin_failures)
            fields["consecutive_local_origin_failure"] = count
            fields["enforcing_consecutive_local_origin_failure"] = _ALWAYS
    if settings.interval:
        fields["interval"] = settings.interval
    if settings.base_ejection_time:
        fields["base_ejection_time"] = settings.base_ejection_time
    if settings.max_ejection_percent > 0:
        fields["max_ejection_percent"] = UInt32Value(value=settings.max_ejection_percent)
    return EnvoyOutlierDetection(**fields)


def panic_threshold(settings: OutlierDetection, *, sends_unhealthy: bool) -> Any | None:
    """Below which share of healthy endpoints Envoy uses all; said as zero where the rule says nothing."""
    if settings.min_health_percent < 0:
        return None
    return NO_PANIC if sends_unhealthy else Percent(value=settings.min_health_percent)
