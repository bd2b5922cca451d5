from typing import Any

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster

from pilot.generators.clusters import load_balancing
from pilot.model.duration import Duration
from pilot.model.service import PortProtocol
from pilot.model.traffic_policy import (
    ConsistentHashLB,
    LoadBalancerSettings,
    MagLev,
    RingHash,
    SimpleLB,
    WarmupConfiguration,
)
from tests.pilot.generators.samples import as_json


def cluster(settings: LoadBalancerSettings | None) -> Any:
    return as_json(Cluster(**load_balancing.fields(settings, PortProtocol.HTTP, redis=False)))


@pytest.mark.parametrize("simple", [None, SimpleLB.UNSPECIFIED, SimpleLB.LEAST_CONN, SimpleLB.LEAST_REQUEST])
def test_least_request_is_the_default(simple: SimpleLB | None) -> None:
    assert cluster(LoadBalancerSettings(simple=simple)) == {"lbPolicy": "LEAST_REQUEST"}
    assert cluster(None) == {"lbPolicy": "LEAST_REQUEST"}


def test_simple_algorithms_have_their_own_names() -> None:
    assert cluster(LoadBalancerSettings(simple=SimpleLB.RANDOM)) == {"lbPolicy": "RANDOM"}
    assert cluster(LoadBalancerSettings(simple=SimpleLB.ROUND_ROBIN)) == {}
    assert cluster(LoadBalancerSettings(simple=SimpleLB.PASSTHROUGH)) == {"lbPolicy": "CLUSTER_PROVIDED"}


def test_passthrough_is_told_apart() -> None:
    assert load_balancing.is_passthrough(LoadBalancerSettings(simple=SimpleLB.PASSTHROUGH))
    assert not load_balancing.is_passthrough(LoadBalancerSettings(simple=SimpleLB.RANDOM))
    assert not load_balancing.is_passthrough(None)


def test_warmup_has_defaults() -> None:
    settings = LoadBalancerSettings(
        simple=SimpleLB.ROUND_ROBIN, warmup=WarmupConfiguration(duration=Duration(minutes=1))
    )

    assert cluster(settings) == {
        "roundRobinLbConfig": {
            "slowStartConfig": {
                "slowStartWindow": "60s",
                "aggression": {"defaultValue": 1.0, "runtimeKey": "("},
                "minWeightPercent": {"value": 10.0},
            }
        }
    }


def test_the_old_form_of_warmup_has_a_window_only() -> None:
    settings = LoadBalancerSettings(warmup_duration_secs=Duration(seconds=45))

    assert cluster(settings)["leastRequestLbConfig"] == {"slowStartConfig": {"slowStartWindow": "45s"}}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (ConsistentHashLB(), {"lbPolicy": "RING_HASH", "ringHashLbConfig": {"minimumRingSize": "1024"}}),
        (
            ConsistentHashLB(minimum_ring_size=2048),
            {"lbPolicy": "RING_HASH", "ringHashLbConfig": {"minimumRingSize": "2048"}},
        ),
        (
            ConsistentHashLB(ring_hash=RingHash(minimum_ring_size=512)),
            {"lbPolicy": "RING_HASH", "ringHashLbConfig": {"minimumRingSize": "512"}},
        ),
        (ConsistentHashLB(ring_hash=RingHash()), {"lbPolicy": "RING_HASH"}),
        (
            ConsistentHashLB(maglev=MagLev(table_size=131)),
            {"lbPolicy": "MAGLEV", "maglevLbConfig": {"tableSize": "131"}},
        ),
        (ConsistentHashLB(maglev=MagLev()), {"lbPolicy": "MAGLEV"}),
    ],
)
def test_consistent_hashing_is_a_ring_unless_maglev_is_asked_for(settings: ConsistentHashLB, expected: Any) -> None:
    assert cluster(LoadBalancerSettings(consistent_hash=settings)) == expected


def test_redis_is_sharded_by_key_where_its_filter_is_on() -> None:
    assert load_balancing.fields(None, PortProtocol.REDIS, redis=True) == {"lb_policy": Cluster.MAGLEV}
    assert load_balancing.fields(None, PortProtocol.REDIS, redis=False) == {"lb_policy": Cluster.LEAST_REQUEST}
