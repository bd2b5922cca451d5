"""Whether everything that a route refers to can be followed.

In: a route, who may refer to what, host names that exist. Out: the fault that its status tells (the last one in the
document: istiod writes one), and the rules that are left out. Each reference is judged by what serves it.
Source: installation 9.5; Gateway API 1.4 (RouteStatus).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pilot.gatewayapi.backends import Context, destination
from pilot.gatewayapi.faults import Fault, Reason
from pilot.gatewayapi.http_filters import read_filters
from pilot.gatewayapi.route import BackendReference, Filter, GrpcRule, HttpRule, Route, StreamRule, WeightedBackend
from pilot.model.virtual_service import Destination

Backend = WeightedBackend | BackendReference


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a route's references come to."""

    fault: Fault | None
    dropped: tuple[int, ...]
    """Rules that are not served, by index."""
    rules: int


def resolve(route: Route, context: Context, hosts: frozenset[str]) -> Resolution:
    """All rules. `hosts`: names of the services that there are."""
    rules: Iterable[HttpRule | GrpcRule | StreamRule] = route.spec.rules
    fault: Fault | None = None
    dropped: list[int] = []
    count = 0
    for index, rule in enumerate(rules):
        count += 1
        filters = () if isinstance(rule, StreamRule) else rule.filters
        found = read_filters(filters, context)
        if isinstance(found, Fault):
            dropped.append(index)
            fault = found
            continue
        for each in _faults(rule.backend_refs, filters, context, hosts):
            fault = each
    return Resolution(fault, tuple(dropped), count)


def _faults(
    backends: Iterable[WeightedBackend], filters: Iterable[Filter], context: Context, hosts: frozenset[str]
) -> Iterator[Fault]:
    yield from _mirrors(filters, context, hosts)
    for each in backends:
        steps = read_filters(each.filters, context)
        if isinstance(steps, Fault):
            yield steps
        else:
            yield from _mirrors(each.filters, context, hosts)
        fault = _backend(each, context, hosts)
        if fault is not None:
            yield fault


def _mirrors(filters: Iterable[Filter], context: Context, hosts: frozenset[str]) -> Iterator[Fault]:
    for each in filters:
        if each.type == "RequestMirror":
            fault = _backend(each.request_mirror.backend_ref, context, hosts)
            if fault is not None:
                yield fault


def _backend(backend: Backend, context: Context, hosts: frozenset[str]) -> Fault | None:
    found, fault = destination(backend, context)
    return fault if fault is not None else _existence(backend, found, hosts)


def _existence(backend: Backend, found: Destination, hosts: frozenset[str]) -> Fault | None:
    if found.host in hosts:
        return None
    return Fault(f"expected {backend.kind} {backend.name} ({found.host}), which is not there", Reason.BACKEND_NOT_FOUND)
