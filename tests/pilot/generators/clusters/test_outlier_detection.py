from pilot.generators.clusters import outlier_detection
from pilot.model.duration import Duration
from pilot.model.traffic_policy import OutlierDetection
from tests.pilot.generators.samples import as_json


def test_success_rates_are_never_used_and_silence_stays_silent() -> None:
    assert as_json(outlier_detection.build(OutlierDetection())) == {"enforcingSuccessRate": 0}


def test_a_count_turns_detection_on_and_zero_turns_it_off() -> None:
    made = as_json(outlier_detection.build(OutlierDetection(consecutive_5xx_errors=5, consecutive_gateway_errors=0)))

    assert made == {
        "consecutive5xx": 5,
        "enforcingConsecutive5xx": 100,
        "consecutiveGatewayFailure": 0,
        "enforcingConsecutiveGatewayFailure": 0,
        "enforcingSuccessRate": 0,
    }


def test_local_origin_failures_count_only_where_they_are_split() -> None:
    together = OutlierDetection(consecutive_local_origin_failures=7)
    split = OutlierDetection(split_external_local_origin_errors=True, consecutive_local_origin_failures=7)

    assert as_json(outlier_detection.build(together)) == {"enforcingSuccessRate": 0}
    assert as_json(outlier_detection.build(split)) == {
        "splitExternalLocalOriginErrors": True,
        "consecutiveLocalOriginFailure": 7,
        "enforcingConsecutiveLocalOriginFailure": 100,
        "enforcingLocalOriginSuccessRate": 0,
        "enforcingSuccessRate": 0,
    }


def test_times_and_percentage_are_copied() -> None:
    made = as_json(
        outlier_detection.build(
            OutlierDetection(
                interval=Duration(seconds=14), base_ejection_time=Duration(seconds=15), max_ejection_percent=16
            )
        )
    )

    assert (made["interval"], made["baseEjectionTime"], made["maxEjectionPercent"]) == ("14s", "15s", 16)


def test_the_panic_threshold_is_said_even_where_it_is_zero() -> None:
    assert as_json(outlier_detection.panic_threshold(OutlierDetection(), sends_unhealthy=False)) == {}
    some = OutlierDetection(min_health_percent=17)
    assert as_json(outlier_detection.panic_threshold(some, sends_unhealthy=False)) == {"value": 17.0}
    assert as_json(outlier_detection.panic_threshold(some, sends_unhealthy=True)) == {}
    negative = OutlierDetection(min_health_percent=-1)
    assert outlier_detection.panic_threshold(negative, sends_unhealthy=False) is None
