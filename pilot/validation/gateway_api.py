"""What is wrong with a decoded object of a Kubernetes API for traffic, as far as it would cost other objects.

In: an object. Out: findings; an object with one is not served. Form is checked by the schemas of these APIs.
"""

from pilot.gatewayapi.gateway import KubernetesGateway, ListenerSet
from pilot.gatewayapi.policy import BackendTlsPolicy
from pilot.gatewayapi.route import (
    Filter,
    GrpcRoute,
    GrpcRule,
    HttpRoute,
    HttpRule,
    Route,
    StreamRule,
    TcpRoute,
    TlsRoute,
)
from pilot.model.decoding import Path
from pilot.model.ingress import Ingress
from pilot.model.objects import Object, json_name
from pilot.validation.finding import Findings, unservable
from pilot.validation.syntax import host_fault, port_fault


def gateway_api(checked: Object) -> Findings:
    """What is wrong with an object; nothing with one of a kind that is not known here."""
    match checked:
        case Ingress():
            yield from _ingress(checked)
        case KubernetesGateway() | ListenerSet():
            for index, listener in enumerate(checked.spec.listeners):
                yield from _host(listener.hostname, ("spec", "listeners", index, "hostname"))
        case HttpRoute() | GrpcRoute() | TlsRoute() | TcpRoute():
            yield from _route(checked)
        case BackendTlsPolicy():
            yield from _host(checked.spec.validation.hostname, ("spec", "validation", "hostname"))


def _route(checked: Route) -> Findings:
    for index, host in enumerate(checked.spec.hostnames):
        yield from _host(host, ("spec", "hostnames", index))
    rules: tuple[HttpRule | GrpcRule | StreamRule, ...] = checked.spec.rules
    for index, rule in enumerate(rules):
        path: Path = ("spec", "rules", index)
        for position, backend in enumerate(rule.backend_refs):
            yield from _least(backend.weight, (*path, "backendRefs", position, "weight"))
        if isinstance(rule, HttpRule | GrpcRule):
            yield from _filters(rule.filters, (*path, "filters"))
        if isinstance(rule, HttpRule) and rule.retry is not None:
            yield from _least(rule.retry.attempts or 0, (*path, "retry", "attempts"))


def _filters(filters: tuple[Filter, ...], path: Path) -> Findings:
    for index, each in enumerate(filters):
        yield from _port(each.request_redirect.port, (*path, index, "requestRedirect", "port"))
        yield from _least(each.cors.max_age, (*path, index, "cors", "maxAge"))
        yield from _least(each.request_mirror.percent or 0, (*path, index, "requestMirror", "percent"))
        for name in ("request_redirect", "url_rewrite"):
            hostname = each.request_redirect.hostname if name == "request_redirect" else each.url_rewrite.hostname
            yield from _host(hostname, (*path, index, json_name(name), "hostname"))


def _least(number: int, path: Path) -> Findings:
    if not 0 <= number < 2**31:
        yield unservable(path, f"expected a number from 0 to {2**31 - 1}, got {number}")


def _ingress(checked: Ingress) -> Findings:
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


def _host(host: str, path: Path) -> Findings:
    """Empty means every host."""
    message = host_fault(host) if host else None
    if message is not None:
        yield unservable(path, message)


def _port(number: int, path: Path) -> Findings:
    """0 means that it is not given."""
    message = port_fault(number, 0)
    if message is not None:
        yield unservable(path, message)
