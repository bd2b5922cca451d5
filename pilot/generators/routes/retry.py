"""Retry policies of routes.

In: the retries of a VirtualService or of the mesh. Out: an Envoy `RetryPolicy`, or None for no retries.
Source: xDS behaviour 5.6.
"""

from typing import Any, Final

from envoy.config.route.v3.route_components_pb2 import RetryPolicy
from envoy.extensions.retry.host.previous_hosts.v3.previous_hosts_pb2 import PreviousHostsPredicate
from envoy.extensions.retry.priority.previous_priorities.v3.previous_priorities_config_pb2 import (
    PreviousPrioritiesConfig,
)
from google.protobuf.wrappers_pb2 import UInt32Value

from pilot.generators.envoy.packing import pack
from pilot.memo import memoized
from pilot.model.virtual_service import STATUSES, HTTPRetry

DEFAULT_CONDITIONS: Final = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
_BY_STATUS: Final = "retriable-status-codes"
_DEFAULT: Final = HTTPRetry(attempts=2)
_OTHER_HOSTS: Final = RetryPolicy.RetryHostPredicate(
    name="envoy.retry_host_predicates.previous_hosts", typed_config=pack(PreviousHostsPredicate())
)
_OTHER_PRIORITIES: Final = RetryPolicy.RetryPriority(
    name="envoy.retry_priorities.previous_priorities", typed_config=pack(PreviousPrioritiesConfig(update_frequency=2))
)
_HOST_SELECTION_ATTEMPTS: Final = 5


@memoized()
def build_retry_policy(retries: HTTPRetry | None, mesh_default: HTTPRetry | None, consistent_hash: bool) -> Any | None:
    """The policy of a route; `retries` None: the mesh's default.

    `consistent_hash`: the hash picks the host, so the same one again is no mistake.
    """
    policy = retries or mesh_default or _DEFAULT
    if policy.attempts <= 0:
        return None
    conditions, codes = parse_conditions(policy.retry_on)
    made = RetryPolicy(
        retry_on=conditions,
        num_retries=UInt32Value(value=policy.attempts),
        per_try_timeout=policy.per_try_timeout,
        retriable_status_codes=codes,
        host_selection_retry_max_attempts=_HOST_SELECTION_ATTEMPTS,
    )
    elsewhere = policy.retry_ignore_previous_hosts
    if elsewhere or (elsewhere is None and not consistent_hash):
        made.retry_host_predicate.append(_OTHER_HOSTS)
    if policy.retry_remote_localities:
        made.retry_priority.CopyFrom(_OTHER_PRIORITIES)
    if policy.backoff is not None:
        made.retry_back_off.CopyFrom(RetryPolicy.RetryBackOff(base_interval=policy.backoff))
    return made


def parse_conditions(retry_on: str) -> tuple[str, tuple[int, ...]]:
    """Splits `5xx,503` into Envoy's conditions and the status codes among them."""
    conditions: list[str] = []
    codes: list[int] = []
    for part in (retry_on or DEFAULT_CONDITIONS).split(","):
        condition = part.strip()
        if condition in STATUSES:
            codes.append(int(condition))
        elif condition:
            conditions.append(condition)
    joined = ",".join(conditions)
    if codes and _BY_STATUS not in joined:
        joined += f",{_BY_STATUS}"  # istiod: with the comma, also where there is nothing before it
    return joined, tuple(codes)
