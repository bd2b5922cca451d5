"""Who asks for routes: the parts of a view that outbound routes depend on, as one cache key.

In: a view. Out: a `Caller`, the same object for every proxy that gets the same routes. Source: xDS behaviour 5.3, 5.5.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pilot.generators.envoy.proxy_settings import proxy_config
from pilot.generators.routes.settings import RouteSettings, route_settings
from pilot.memo import memoized
from pilot.view.proxy import Traits
from pilot.view.proxy_view import ProxyView
from pilot.view.scope import Scope


@dataclass(frozen=True, slots=True, eq=False)
class Caller:
    """Compared by identity."""

    scope: Scope
    settings: RouteSettings
    traits: Traits
    labels: Mapping[str, str]
    """Those of the workload that some VirtualService of the scope asks for."""


def caller_of(view: ProxyView) -> Caller:
    """The caller that a proxy is."""
    settings = route_settings(view.mesh, proxy_config(view.mesh, view.proxy.proxy_config), view.features)
    labels = view.workload.labels
    asked = "\n".join(f"{key}={labels[key]}" for key in source_labels(view.scope) if key in labels)
    return _caller(view.scope, settings, view.traits, asked)


@memoized()
def _caller(scope: Scope, settings: RouteSettings, traits: Traits, asked: str) -> Caller:
    labels = dict(line.split("=", 1) for line in asked.split("\n") if line)
    return Caller(scope, settings, traits, labels)


@memoized()
def source_labels(scope: Scope) -> tuple[str, ...]:
    """The names of labels that `sourceLabels` of some VirtualService in the scope ask for."""
    asked: set[str] = set()
    services = {id(each): each for listener in scope.egress for each in listener.virtual_services}
    services.update((id(each), each) for each in scope.gateway_virtual_services)
    for service in services.values():
        for http in service.http:
            for http_match in http.match:
                asked.update(http_match.source_labels)
        for tls in service.tls:
            for tls_match in tls.match:
                asked.update(tls_match.source_labels)
        for tcp in service.tcp:
            for tcp_match in tcp.match:
                asked.update(tcp_match.source_labels)
    return tuple(sorted(asked))
