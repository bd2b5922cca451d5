"""What Envoy would refuse of a traffic policy: it would cost a cluster, or all routes of a port.

In: the policy of a rule or subset, and its path in the object. Out: faults. Numbers are Envoy's limits unless Istio's
API has narrower ones. Does not decide what becomes of the object: see `checks.py`.
"""

from collections.abc import Iterator

from pilot.model.decoding import Fault, Path
from pilot.model.traffic_policy import (
    ClientTLSSettings,
    ConsistentHashLB,
    LoadBalancerSettings,
    OutlierDetection,
    PortTrafficPolicy,
    TrafficPolicy,
    WarmupConfiguration,
)

LARGEST_RING = 8_388_608
LARGEST_TABLE = 5_000_011
LONGEST_SNI = 255


def policy_faults(policy: TrafficPolicy, path: Path) -> Iterator[Fault]:
    """Everything of a policy, those of its ports included."""
    yield from _part(policy, path)
    for index, each in enumerate(policy.port_level_settings):
        yield from _part(each, (*path, "portLevelSettings", index))
    if policy.retry_budget is not None and policy.retry_budget.percent is not None:
        yield from percentage(policy.retry_budget.percent, (*path, "retryBudget", "percent"))


def _part(policy: TrafficPolicy | PortTrafficPolicy, path: Path) -> Iterator[Fault]:
    if policy.load_balancer is not None:
        yield from _load_balancer(policy.load_balancer, (*path, "loadBalancer"))
    if policy.outlier_detection is not None:
        yield from _outlier_detection(policy.outlier_detection, (*path, "outlierDetection"))
    if policy.tls is not None:
        yield from _tls(policy.tls, (*path, "tls"))


def percentage(value: float, path: Path) -> Iterator[Fault]:
    """A share in percent."""
    if not 0 <= value <= 100:  # NaN is not
        yield Fault(path, f"expected a percentage from 0 to 100, got {value:g}")


def _load_balancer(settings: LoadBalancerSettings, path: Path) -> Iterator[Fault]:
    if settings.consistent_hash is not None:
        yield from _consistent_hash(settings.consistent_hash, (*path, "consistentHash"))
    if settings.warmup is not None:
        yield from _warmup(settings.warmup, (*path, "warmup"))


def _consistent_hash(settings: ConsistentHashLB, path: Path) -> Iterator[Fault]:
    rings = [((*path, "minimumRingSize"), settings.minimum_ring_size)]
    if settings.ring_hash is not None:
        rings.append(((*path, "ringHash", "minimumRingSize"), settings.ring_hash.minimum_ring_size))
    for place, size in rings:
        if size > LARGEST_RING:
            yield Fault(place, f"expected a ring of {LARGEST_RING} at most, got {size}")
    table = settings.maglev.table_size if settings.maglev is not None else 0
    if table and (table > LARGEST_TABLE or not _is_prime(table)):
        message = f"expected a prime number of {LARGEST_TABLE} at most, got {table}"
        yield Fault((*path, "maglev", "tableSize"), message)
    for index, attribute in enumerate(settings.http_cookie.attributes if settings.http_cookie is not None else ()):
        place = (*path, "httpCookie", "attributes", index)
        if not attribute.name or not _is_one_line(attribute.name):
            yield Fault((*place, "name"), "expected a name on one line")
        if not _is_one_line(attribute.value):
            yield Fault((*place, "value"), "expected a value on one line")


def _warmup(settings: WarmupConfiguration, path: Path) -> Iterator[Fault]:
    if settings.minimum_percent is not None:
        yield from percentage(settings.minimum_percent, (*path, "minimumPercent"))
    if settings.aggression is not None and not settings.aggression >= 1:
        yield Fault((*path, "aggression"), f"expected a factor of 1 or more, got {settings.aggression:g}")


def _outlier_detection(settings: OutlierDetection, path: Path) -> Iterator[Fault]:
    yield from percentage(settings.max_ejection_percent, (*path, "maxEjectionPercent"))
    yield from percentage(max(settings.min_health_percent, 0), (*path, "minHealthPercent"))


def _tls(settings: ClientTLSSettings, path: Path) -> Iterator[Fault]:
    if len(settings.sni.encode()) > LONGEST_SNI:
        yield Fault((*path, "sni"), f"expected {LONGEST_SNI} bytes at most, got {len(settings.sni.encode())}")


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % each for each in range(2, int(number**0.5) + 1))


def _is_one_line(text: str) -> bool:
    return not set(text) & set("\x00\r\n")
