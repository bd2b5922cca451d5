"""Near endpoints first: weights and priorities of localities as a preference says.

In: groups of endpoints by locality, a `Preference`, a client. Out: groups with weights and priorities. Groups may be
split, or left without endpoints. Builds no protobuf. Source: xDS behaviour 6.4.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pilot.generators.endpoints.client import Client
from pilot.generators.endpoints.preference import Preference
from pilot.model.endpoint import Endpoint
from pilot.model.locality import split_locality
from pilot.model.traffic_policy import LocalityFailover, LocalityLoadBalancerSetting

_MAX_WEIGHT = 2**32 - 1
_LOCALITY_PRIORITIES = 5


@dataclass(frozen=True, slots=True)
class Group:
    """Endpoints of one locality and priority."""

    locality: str
    endpoints: tuple[tuple[Endpoint, int], ...]
    """Each with its weight."""
    weight: int
    """0: nothing is said of it."""
    priority: int = 0


def group_by_locality(endpoints: Iterable[tuple[Endpoint, int]]) -> list[Group]:
    """Groups in the order of their locality, unknown first; endpoints keep theirs."""
    members: dict[str, list[tuple[Endpoint, int]]] = {}
    for each in endpoints:
        members.setdefault(each[0].locality, []).append(each)
    return [group_of(locality, members[locality]) for locality in sorted(members)]


def group_of(locality: str, members: Sequence[tuple[Endpoint, int]], priority: int = 0) -> Group:
    """A group that weighs what its members weigh together."""
    return Group(locality, tuple(members), min(sum(weight for _, weight in members), _MAX_WEIGHT), priority)


def prioritize(groups: Sequence[Group], preference: Preference | None, client: Client) -> Sequence[Group]:
    """The groups as the client is to use them."""
    if preference is None:
        return groups
    setting = preference.setting
    if setting.distribute:
        return _distributed(groups, setting, client.locality)
    if not preference.failover:
        return groups
    if not setting.failover_priority:
        return _by_distance(groups, setting.failover, client.locality)
    by_labels = _by_labels(groups, setting.failover_priority, dict(client.labels))
    return _by_distance(by_labels, setting.failover, client.locality) if setting.failover else by_labels


def matches(locality: str, pattern: str) -> bool:
    """Whether a locality is meant by `region/zone/subzone`, where trailing parts may be missing or `*`."""
    return all(
        wanted in ("", "*", part)
        for wanted, part in zip(split_locality(pattern), split_locality(locality), strict=True)
    )


def _distributed(
    groups: Sequence[Group], setting: LocalityLoadBalancerSetting, client_locality: str
) -> Sequence[Group]:
    """Shares the traffic among localities; those that get none keep their weight and lose their endpoints."""
    entry = next((each for each in setting.distribute if matches(client_locality, each.from_)), None)
    if entry is None:
        return groups
    weights: dict[int, int] = {}
    for pattern, share in sorted(entry.to.items(), key=_specificity):
        meant = [i for i, each in enumerate(groups) if i not in weights and matches(each.locality, pattern)]
        total = sum(groups[i].weight for i in meant)
        for i in meant:
            weights[i] = -(-groups[i].weight * share // total) if total else 0
    return [
        replace(each, weight=weights[i]) if i in weights else replace(each, endpoints=())
        for i, each in enumerate(groups)
    ]


def _specificity(entry: tuple[str, int]) -> tuple[int, str]:
    """Sorts patterns that say more first, so that `region/*` takes what `region/zone/*` has left."""
    pattern, _ = entry
    return (-sum(part not in ("", "*") for part in split_locality(pattern)), pattern)


def _by_labels(groups: Sequence[Group], entries: Sequence[str], labels: Mapping[str, str]) -> list[Group]:
    """Priority by the first label in which endpoint and client differ; the earlier, the farther."""
    wanted = []
    for entry in entries:
        name, given, value = entry.partition("=")
        wanted.append((name, value if given else labels.get(name, "")))
    split: list[Group] = []
    for group in groups:
        members: dict[int, list[tuple[Endpoint, int]]] = {}
        for each in group.endpoints:
            members.setdefault(_label_distance(each[0].labels, wanted), []).append(each)
        split += [group_of(group.locality, members[priority], priority) for priority in sorted(members)]
    return _renumbered(split)


def _label_distance(labels: Mapping[str, str], wanted: Sequence[tuple[str, str]]) -> int:
    for i, (name, value) in enumerate(wanted):
        if labels.get(name, "") != value:
            return len(wanted) - i
    return 0


def _by_distance(groups: Sequence[Group], failover: Sequence[LocalityFailover], client_locality: str) -> list[Group]:
    """Priority by the parts of the locality that are the client's own, within the priorities that are there."""
    return _renumbered(
        replace(
            each,
            priority=each.priority * _LOCALITY_PRIORITIES + _distance(each.locality, client_locality, failover),
        )
        for each in groups
    )


def _distance(locality: str, client_locality: str, failover: Sequence[LocalityFailover]) -> int:
    region, zone, subzone = split_locality(locality)
    own_region, own_zone, own_subzone = split_locality(client_locality)
    if region == own_region:
        if zone != own_zone:
            return 2
        return 0 if subzone == own_subzone else 1
    wanted = next((each.to for each in failover if each.from_ == own_region), region)
    return 3 if region == wanted else 4


def _renumbered(groups: Iterable[Group]) -> list[Group]:
    """The same order of priorities without gaps: Envoy wants them to begin at 0."""
    groups = list(groups)
    numbers = {priority: i for i, priority in enumerate(sorted({each.priority for each in groups}))}
    return [replace(each, priority=numbers[each.priority]) for each in groups]
