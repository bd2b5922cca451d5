"""Virtual addresses for ServiceEntries that have none, so that their TCP ports can be told apart.

In: all ServiceEntries. Out: an IPv4 and an IPv6 address for each host that is to have them: those in the status where a
controller wrote some, else the next free ones in order of creation. A pure function of the whole set: the same
configuration gives the same addresses in every replica and after every restart.
Source: xDS behaviour 2.9 (auto allocation).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import repeat

from pilot.model.hosts import is_wildcard
from pilot.model.service_entry import ServiceEntry, ServiceEntryResolution

Network = IPv4Network | IPv6Network
ENABLED_LABEL = "networking.istio.io/enable-autoallocate-ip"


@dataclass(frozen=True, slots=True)
class Allocated:
    """The addresses of one host; either may be empty."""

    v4: str = ""
    v6: str = ""


@dataclass(frozen=True, slots=True)
class Ranges:
    """Where addresses are taken from."""

    v4: str = "240.240.0.0/16"
    v6: str = "2001:2::/48"


DEFAULT_RANGES = Ranges()
Allocation = Mapping[tuple[str, str], Mapping[str, Allocated]]
"""By namespace and name of the ServiceEntry, then host."""


def is_eligible(entry: ServiceEntry) -> bool:
    """Whether hosts of this entry may get addresses at all."""
    return (
        entry.spec.resolution is not ServiceEntryResolution.NONE
        and not entry.spec.addresses
        and entry.metadata.labels.get(ENABLED_LABEL, "").lower() != "false"
    )


def allocate(entries: Iterable[ServiceEntry], ranges: Ranges = DEFAULT_RANGES) -> Allocation:
    """Addresses for every host of every eligible entry; where a range has no more, there are none of its family."""
    ordered = sorted(entries, key=lambda each: (each.created, each.namespace, each.name))
    v4 = ip_network(ranges.v4)
    taken = _taken(ordered, v4)
    free_v4, free_v6 = _free(v4, taken), _free(ip_network(ranges.v6), taken)
    allocation: dict[tuple[str, str], Mapping[str, Allocated]] = {}
    for entry in ordered:
        if not is_eligible(entry):
            continue
        hosts = _written(entry)
        for host in entry.spec.hosts:
            if host not in hosts and _may_have_address(entry, host):
                hosts[host] = Allocated(next(free_v4), next(free_v6))
        allocation[entry.namespace, entry.name] = hosts
    return allocation


def _may_have_address(entry: ServiceEntry, host: str) -> bool:
    return not is_wildcard(host) or entry.spec.resolution is ServiceEntryResolution.DYNAMIC_DNS


def _written(entry: ServiceEntry) -> dict[str, Allocated]:
    """What the status says, the first address of each family."""
    hosts: dict[str, Allocated] = {}
    for each in entry.status.addresses:
        known = hosts.get(each.host, Allocated())
        if ":" in each.value:
            hosts[each.host] = Allocated(known.v4, known.v6 or each.value)
        else:
            hosts[each.host] = Allocated(known.v4 or each.value, known.v6)
    return hosts


def _taken(entries: Iterable[ServiceEntry], ours: Network) -> frozenset[str]:
    """Addresses that people or controllers gave already."""
    given: set[str] = set()
    for entry in entries:
        given.update(each.value for each in entry.status.addresses)
        for address in entry.spec.addresses:
            given.update(_inside(address, ours))
    return frozenset(given)


def _inside(address: str, ours: Network) -> Iterator[str]:
    """The addresses of an IP or range that lie in ours."""
    try:
        network = ip_network(address, strict=False)
    except ValueError:
        return
    if network.num_addresses == 1:
        yield str(network[0])
    elif network.version == ours.version and network.overlaps(ours) and network.prefixlen >= ours.prefixlen:
        yield from map(str, network)


def _free(ours: Network, taken: frozenset[str]) -> Iterator[str]:
    """All but the first and the last, then the empty one for ever."""
    for number in range(1, ours.num_addresses - 1):
        text = str(ours[number])
        if text not in taken:
            yield text
    yield from repeat("")
