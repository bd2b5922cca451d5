"""Destinations of routes that lead nowhere: no such service, no such port, no such subset.

In: resolved VirtualServices, DestinationRules, services. Out: problems. Such a route is served as istiod serves it: its
cluster is not there, Envoy answers 503, and everything beside it keeps working.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from pilot.memo import latest, memoized
from pilot.model.destination_rules import DestinationRules
from pilot.model.objects import ObjectKey
from pilot.model.problem import Problem, Severity
from pilot.model.routing import MESH, ResolvedVirtualService
from pilot.model.service import Resolution, Service
from pilot.model.virtual_service import Destination

_SHOWN: Final = 8
"""Arbitrary: so many names in a message."""

Services = Mapping[str, tuple[Service, ...]]
"""By hostname, of all namespaces."""


@memoized(size=4)
def find(
    virtual_services: tuple[ResolvedVirtualService, ...], rules: DestinationRules, services: tuple[Service, ...]
) -> tuple[Problem, ...]:
    """The problems of all destinations, in order of the VirtualServices."""
    known = _by_hostname(services)
    return tuple(
        problem
        for each in virtual_services
        if not each.gateway_semantics  # the status of a Gateway API route says it
        for problem in _problems(each, rules, known)
    )


@memoized(size=4)
def _by_hostname(services: tuple[Service, ...]) -> Services:
    found: dict[str, list[Service]] = {}
    for each in services:
        found.setdefault(each.hostname, []).append(each)
    return {hostname: tuple(each) for hostname, each in found.items()}


@latest(size=65_536)
def _problems(service: ResolvedVirtualService, rules: DestinationRules, known: Services) -> tuple[Problem, ...]:
    return tuple(_find(service, rules, known))


def _find(service: ResolvedVirtualService, rules: DestinationRules, known: Services) -> Iterator[Problem]:
    key = ObjectKey(service.origin.kind, service.origin.namespace, service.origin.name)
    for field, destination, is_copy in _destinations(service):
        wrong = _wrong(destination, service, rules, known)
        if wrong is not None:
            part, reason = wrong
            effect = "copies of requests are dropped" if is_copy else "what is sent there fails (HTTP: 503)"
            severity = Severity.WARNING if is_copy else Severity.ERROR
            yield Problem(f"{reason}; {effect}", key, field=f"{field}.{part}", severity=severity)


def _destinations(service: ResolvedVirtualService) -> Iterator[tuple[str, Destination, bool]]:
    """Every destination with its place, and whether it gets copies only. Delegates have changed the numbers."""
    for number, http in enumerate(service.http):
        place = "spec.http" if service.delegates else f"spec.http[{number}]"
        if http.redirect is None and http.direct_response is None:
            for each, weighted in enumerate(http.route):
                yield f"{place}.route[{each}].destination", weighted.destination, False
        if http.mirror is not None:
            yield f"{place}.mirror", http.mirror, True
        for each, mirror in enumerate(http.mirrors):
            yield f"{place}.mirrors[{each}].destination", mirror.destination, True
    routes = [(f"spec.tcp[{number}]", tcp.route) for number, tcp in enumerate(service.tcp)]
    routes += [(f"spec.tls[{number}]", tls.route) for number, tls in enumerate(service.tls)]
    for place, route in routes:
        for each, target in enumerate(route):
            yield f"{place}.route[{each}].destination", target.destination, False


def _wrong(
    destination: Destination, service: ResolvedVirtualService, rules: DestinationRules, known: Services
) -> tuple[str, str] | None:
    """The field of a destination that leads nowhere, and why."""
    host = destination.host
    found = known.get(host, ())
    if not host or not found:
        return "host", f"expected a service of the mesh, got {host!r}, which is none"
    if any(each.resolution is Resolution.ALIAS for each in found):
        return None
    port = destination.port
    if port is not None and all(each.port(port.number) is None for each in found):
        ports = sorted({each.number for one in found for each in one.ports})
        return "port.number", f"expected a port of {host} ({_listed(ports)}), got {port.number}"
    if destination.subset:
        subsets = _subsets(service, found, rules)
        if destination.subset not in subsets:
            return "subset", f"expected a subset of {host} ({_listed(sorted(subsets))}), got {destination.subset!r}"
    return None


def _subsets(service: ResolvedVirtualService, found: tuple[Service, ...], rules: DestinationRules) -> set[str]:
    """The subsets of a host for anybody that a VirtualService speaks to."""
    clients = {service.namespace, rules.root_namespace, *(each.namespace for each in found)}
    clients |= {each.partition("/")[0] for each in service.gateways if each != MESH}
    named = service.export_to - {"*", ".", "~"}
    return {
        subset.name
        for client in sorted(clients | named)
        for each in found
        for rule in rules.find(client, each.hostname, each.namespace)
        for subset in rule.subsets
    }


def _listed(items: list[int] | list[str]) -> str:
    shown = ", ".join(str(each) for each in items[:_SHOWN])
    return f"{shown}, ..." if len(items) > _SHOWN else shown or "there is none"
