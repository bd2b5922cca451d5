"""Where routes lead: destinations and their weights.

In: destinations of a route and their path in the object. Out: findings. Source: CA behaviour 5.4 (VirtualService).
"""

from collections.abc import Sequence

from pilot.model.decoding import Path
from pilot.model.virtual_service import Destination, RouteDestination
from pilot.validation.finding import Finding, Findings, refused_if, unservable, unservable_if
from pilot.validation.syntax import address_family, domain_fault, host_fault, label_fault, port_fault


def destinations(routes: Sequence[RouteDestination], path: Path) -> Findings:
    """Weighted destinations of a TLS or TCP route."""
    if not routes:
        yield Finding(path, "expected a destination, got none")
    for index, each in enumerate(routes):
        yield from destination(each.destination, (*path, index, "destination"))
    yield from weights([each.weight for each in routes], path)


def weights(given: Sequence[int], path: Path) -> Findings:
    """Weights are not negative, and not all zero where there are several."""
    for index, weight in enumerate(given):
        if weight < 0:
            yield unservable((*path, index, "weight"), f"expected a weight of 0 or more, got {weight}")
    if len(given) > 1 and not any(given):
        yield Finding(path, "expected a weight above 0 among several destinations, got 0 for all")


def destination(target: Destination | None, path: Path) -> Findings:
    """Where traffic goes; None: nothing is said."""
    if target is None:
        return
    wrong = host_fault(target.host) if target.host else "expected a host, got nothing"
    yield from unservable_if((*path, "host"), wrong)
    if target.host == "*":
        yield Finding((*path, "host"), 'expected the host of a service, got "*"')
    elif wrong is None and not address_family(target.host):
        yield from refused_if((*path, "host"), domain_fault(target.host, wildcard=True))
    if target.subset:
        yield from refused_if((*path, "subset"), label_fault(target.subset))
    if target.port is not None:
        yield from unservable_if((*path, "port", "number"), port_fault(target.port.number))
