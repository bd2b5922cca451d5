from datetime import timedelta
from typing import Any

import pytest
from google.protobuf import json_format

from pilot.generators.routes.retry import DEFAULT_CONDITIONS, build_retry_policy, parse_conditions
from pilot.model.duration import Duration
from pilot.model.virtual_service import HTTPRetry


def policy(retries: HTTPRetry | None = None, mesh: HTTPRetry | None = None, *, hashed: bool = False) -> Any:
    made = build_retry_policy(retries, mesh, hashed)
    return None if made is None else json_format.MessageToDict(made)


def test_requests_are_repeated_twice_elsewhere_by_default() -> None:
    made = policy()

    assert made["numRetries"] == 2
    assert made["retryOn"] == DEFAULT_CONDITIONS
    assert made["hostSelectionRetryMaxAttempts"] == "5"
    assert [each["name"] for each in made["retryHostPredicate"]] == ["envoy.retry_host_predicates.previous_hosts"]


def test_the_mesh_default_holds_only_for_routes_without_their_own() -> None:
    mesh = HTTPRetry(attempts=7, retry_on="5xx", backoff=Duration(milliseconds=20))

    assert policy(None, mesh)["numRetries"] == 7
    assert policy(None, mesh)["retryBackOff"] == {"baseInterval": "0.020s"}
    own = policy(HTTPRetry(attempts=1), mesh)
    assert (own["numRetries"], own["retryOn"]) == (1, DEFAULT_CONDITIONS)


def test_no_attempts_mean_no_retries() -> None:
    assert policy(HTTPRetry()) is None
    assert policy(HTTPRetry(attempts=-1)) is None


def test_a_hash_picks_the_host_so_it_may_be_the_same_again() -> None:
    assert "retryHostPredicate" not in policy(hashed=True)
    assert "retryHostPredicate" in policy(HTTPRetry(attempts=1, retry_ignore_previous_hosts=True), hashed=True)
    assert "retryHostPredicate" not in policy(HTTPRetry(attempts=1, retry_ignore_previous_hosts=False))


def test_remote_localities_and_times_are_taken_over() -> None:
    made = policy(
        HTTPRetry(attempts=1, per_try_timeout=Duration(seconds=2), retry_remote_localities=True, retry_on="503,reset")
    )

    assert made["perTryTimeout"] == f"{timedelta(seconds=2).seconds}s"
    assert made["retryPriority"]["typedConfig"]["updateFrequency"] == 2
    assert made["retriableStatusCodes"] == [503]


@pytest.mark.parametrize(
    ("text", "conditions", "codes"),
    [
        ("5xx,reset", "5xx,reset", ()),
        ("503, 504", ",retriable-status-codes", (503, 504)),
        ("reset,503", "reset,retriable-status-codes", (503,)),
        ("499,299", "499,299", ()),
        ("404,retriable-status-codes,5xx", "retriable-status-codes,5xx", (404,)),
        ("999", "999", ()),
        ("", DEFAULT_CONDITIONS, ()),
    ],
)
def test_status_codes_are_told_from_conditions(text: str, conditions: str, codes: tuple[int, ...]) -> None:
    assert parse_conditions(text) == (conditions, codes)
