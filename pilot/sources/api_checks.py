"""What is wrong with a decoded object of a Kubernetes API for traffic, as far as it would cost other objects.

In: an Ingress. Out: faults; an object with one is not served. The rest of `checks.py` for objects of these APIs.
"""

from collections.abc import Iterator

from pilot.model.decoding import Fault, Path
from pilot.model.ingress import Ingress
from pilot.model.objects import Object
from pilot.sources.syntax import host_fault, port_fault


def api_faults(checked: Object) -> Iterator[Fault]:
    """The faults of an object; none of a kind that is not known here."""
    match checked:
        case Ingress():
            yield from _ingress(checked)


def _ingress(checked: Ingress) -> Iterator[Fault]:
    for index, rule in enumerate(checked.spec.rules):
        yield from _host(rule.host, ("spec", "rules", index, "host"))
        for position, path in enumerate(rule.http.paths if rule.http else ()):
            if path.backend.service is not None:
                yield from _port(
                    path.backend.service.port.number,
                    ("spec", "rules", index, "http", "paths", position, "backend", "service", "port", "number"),
                )
    for index, tls in enumerate(checked.spec.tls):
        for position, host in enumerate(tls.hosts):
            yield from _host(host, ("spec", "tls", index, "hosts", position))


def _host(host: str, path: Path) -> Iterator[Fault]:
    """Empty means every host."""
    message = host_fault(host) if host else None
    if message is not None:
        yield Fault(path, message)


def _port(number: int, path: Path) -> Iterator[Fault]:
    """0 means that it is not given."""
    message = port_fault(number, 0)
    if message is not None:
        yield Fault(path, message)
