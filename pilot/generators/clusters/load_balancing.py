"""Load balancing of a cluster: the algorithm, its parameters, slow start.

In: a policy's settings and a port's protocol. Out: the values of cluster fields. Which endpoints are near is said in
the endpoints: see `endpoints/preference.py`. Source: xDS behaviour 3.4.
"""

from typing import Any

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.base_pb2 import RuntimeDouble
from envoy.type.v3.percent_pb2 import Percent
from google.protobuf.wrappers_pb2 import UInt64Value

from pilot.model.service import PortProtocol
from pilot.model.traffic_policy import ConsistentHashLB, LoadBalancerSettings, SimpleLB, WarmupConfiguration

_DEFAULT_RING_SIZE = 1024
_DEFAULT_AGGRESSION = 1.0
_DEFAULT_WARMUP_PERCENT = 10.0
_NO_RUNTIME_KEY = "("  # Envoy demands a key; this one cannot be set by anybody


def is_passthrough(settings: LoadBalancerSettings | None) -> bool:
    """Whether the client's own choice of an address is kept."""
    return settings is not None and settings.simple is SimpleLB.PASSTHROUGH


def fields(settings: LoadBalancerSettings | None, protocol: PortProtocol, *, redis: bool) -> dict[str, Any]:
    """Values of `lb_policy` and the configuration that goes with it. `redis`: Redis ports are sharded by key."""
    if redis and protocol is PortProtocol.REDIS:
        return {"lb_policy": Cluster.MAGLEV}
    if settings is None:
        return {"lb_policy": Cluster.LEAST_REQUEST}
    if settings.consistent_hash is not None:
        return _hash_fields(settings.consistent_hash)
    match settings.simple:
        case SimpleLB.RANDOM:
            return {"lb_policy": Cluster.RANDOM}
        case SimpleLB.PASSTHROUGH:
            return {"lb_policy": Cluster.CLUSTER_PROVIDED}
        case SimpleLB.ROUND_ROBIN:
            return _with_slow_start(
                {"lb_policy": Cluster.ROUND_ROBIN}, "round_robin_lb_config", Cluster.RoundRobinLbConfig, settings
            )
        case _:
            return _with_slow_start(
                {"lb_policy": Cluster.LEAST_REQUEST}, "least_request_lb_config", Cluster.LeastRequestLbConfig, settings
            )


def _hash_fields(settings: ConsistentHashLB) -> dict[str, Any]:
    if settings.maglev is not None:
        size = settings.maglev.table_size
        config = {"maglev_lb_config": Cluster.MaglevLbConfig(table_size=UInt64Value(value=size))} if size else {}
        return {"lb_policy": Cluster.MAGLEV, **config}
    if settings.ring_hash is not None:
        size = settings.ring_hash.minimum_ring_size
    else:
        size = settings.minimum_ring_size or _DEFAULT_RING_SIZE
    if not size:
        return {"lb_policy": Cluster.RING_HASH}
    ring = Cluster.RingHashLbConfig(minimum_ring_size=UInt64Value(value=size))
    return {"lb_policy": Cluster.RING_HASH, "ring_hash_lb_config": ring}


def _with_slow_start(made: dict[str, Any], field: str, config: Any, settings: LoadBalancerSettings) -> dict[str, Any]:
    if settings.warmup is not None:
        made[field] = config(slow_start_config=_slow_start(settings.warmup))
    elif settings.warmup_duration_secs is not None:
        slow = Cluster.SlowStartConfig(slow_start_window=settings.warmup_duration_secs)
        made[field] = config(slow_start_config=slow)
    return made


def _slow_start(warmup: WarmupConfiguration) -> Any:
    aggression = _DEFAULT_AGGRESSION if warmup.aggression is None else warmup.aggression
    percent = _DEFAULT_WARMUP_PERCENT if warmup.minimum_percent is None else warmup.minimum_percent
    return Cluster.SlowStartConfig(
        slow_start_window=warmup.duration,
        aggression=RuntimeDouble(default_value=aggression, runtime_key=_NO_RUNTIME_KEY),
        min_weight_percent=Percent(value=percent),
    )
