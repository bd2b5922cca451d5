"""Locality preference of a load balancer: where traffic goes, and where it goes when that fails.

In: a setting of a policy or of the mesh. Out: findings. Source: CA behaviour 5.4 (DestinationRule, locality).
"""

from collections.abc import Iterable

from pilot.model.decoding import Path, describe
from pilot.model.traffic_policy import LocalityLoadBalancerSetting
from pilot.validation.finding import Finding, Findings, note

_DEPTH = 3
"""Region, zone, subzone."""
_REGIONAL = frozenset({"topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone"})
"""Labels that say in other words what failovers say."""


def preference(setting: LocalityLoadBalancerSetting | None, path: Path, has_outlier_detection: bool) -> Findings:
    """Weights and failovers exclude each other; without outlier detection nothing is ever found to have failed."""
    if setting is None:
        return
    if setting.distribute and setting.failover:
        yield Finding(path, "expected distribute or failover, got both")
    if setting.failover and _REGIONAL.intersection(setting.failover_priority):
        yield Finding(path, "expected failover, or regions, zones and subzones in failoverPriority, got both")
    for index, each in enumerate(setting.distribute):
        place = (*path, "distribute", index, "to")
        for locality, weight in each.to.items():
            if not 1 <= weight <= 100:
                yield Finding((*place, locality), f"expected a weight from 1 to 100, got {weight}")
        if sum(each.to.values()) != 100:
            yield Finding(place, f"expected weights that sum up to 100, got {sum(each.to.values())}")
        yield from _disjoint(sorted(each.to, key=_fixed_parts, reverse=True), place)
    yield from _disjoint([each.from_ for each in setting.distribute], (*path, "distribute"))
    if (setting.failover or setting.failover_priority) and not has_outlier_detection:
        yield note(path, "outlier detection policy must be provided for failover")
    for index, failover in enumerate(setting.failover):
        place = (*path, "failover", index)
        if failover.from_ == failover.to:
            yield Finding(place, f"expected two regions, got {describe(failover.to)} twice")
        for name, region in (("from", failover.from_), ("to", failover.to)):
            if "*" in region or "/" in region:
                yield Finding((*place, name), f"expected a region, got {describe(region)}")


def _disjoint(localities: Iterable[str], path: Path) -> Findings:
    """Each is `region/zone/subzone`, or less of it, with one `*` at the end; none is part of one before it.

    What is left over may be said last: `a/b/*`, then `a/*`, then `*`.
    """
    seen: list[tuple[str, tuple[str, ...]]] = []
    for each in localities:
        parts = tuple(each.split("/", _DEPTH - 1))
        if not all(parts) or "*" in each[:-1]:
            yield Finding(path, f'expected region/zone/subzone with "*" at the end only, got {describe(each)}')
            continue
        other = next((before for before, known in seen if _takes(known, parts)), None)
        if other is not None:
            yield Finding(path, f"expected localities apart from each other, got {other} and {each}")
        seen.append((each, (*parts, *["*"] * (_DEPTH - len(parts)))))


def _takes(known: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    """Whether a locality before it (in full) leaves nothing of this one."""
    for before, part in zip(known, parts, strict=False):
        if before == "*":
            return True
        if before != part:
            return False
    return True


def _fixed_parts(locality: str) -> int:
    return sum(part != "*" for part in locality.split("/"))
