"""HTTP routes of a VirtualService as Envoy routes, for one listener of one kind of proxy.

In: a resolved VirtualService, the port, who asks, the services and rules of its destinations. Out: serialized `Route`
messages in order. Made again only when the VirtualService or one of its destinations changes.
Source: xDS behaviour 5.5.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.config.route.v3.route_components_pb2 import Decorator, Route

from pilot.generators.envoy.metadata import config_metadata
from pilot.generators.envoy.wire import serialize
from pilot.generators.routes import action, route_filters, validity
from pilot.generators.routes.destination import cluster_of
from pilot.generators.routes.hash_policy import build_hash_policy
from pilot.generators.routes.header_operations import HeaderChanges
from pilot.generators.routes.match import EVERYTHING, build_match, takes_everything
from pilot.generators.routes.retry import build_retry_policy
from pilot.generators.routes.settings import Key, RouteListener, RouteSettings
from pilot.memo import memoized
from pilot.model.cluster_name import ClusterName
from pilot.model.destination_rule import MergedRule
from pilot.model.interning import same_tuple
from pilot.model.routing import ResolvedVirtualService
from pilot.model.service import Service
from pilot.model.virtual_service import Destination, HTTPMatchRequest, HTTPRoute
from pilot.resources import Origin


@dataclass(frozen=True, slots=True, eq=False)
class Routes:
    """Serialized routes of one VirtualService; the same object as long as they are the same."""

    bodies: tuple[bytes, ...]
    catch_all: bool
    """The last one takes every request."""
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class _References:
    """What the routes of a VirtualService depend on outside of it."""

    hosts: tuple[str, ...]
    labels: tuple[str, ...]
    namespace: bool


Lookup = Callable[[str], tuple[Service | None, MergedRule | None]]
"""The service and the rule of a host."""


def hosts_of(service: ResolvedVirtualService) -> tuple[str, ...]:
    """Of the destinations of its HTTP routes."""
    return _references(service).hosts


def build_routes(
    service: ResolvedVirtualService,
    settings: RouteSettings,
    listener: RouteListener,
    lookup: Lookup,
    labels: Mapping[str, str],
    namespace: str,
) -> Routes:
    """The routes of a VirtualService for proxies with these labels and this namespace."""
    references = _references(service)
    found = same_tuple(tuple(part for host in references.hosts for part in lookup(host)))
    source = "\n".join(f"{key}={labels[key]}" for key in references.labels if key in labels)
    return _build(service, settings, listener.key(), found, source, namespace if references.namespace else "")


@memoized(size=16_384)
def _references(service: ResolvedVirtualService) -> _References:
    hosts: dict[str, None] = {}
    labels: set[str] = set()
    namespace = False
    for route in service.http:
        hosts.update((each.destination.host, None) for each in route.route)
        hosts.update((destination.host, None) for destination, _ in action.mirror_destinations(route))
        for match in route.match:
            labels.update(match.source_labels)
            namespace = namespace or bool(match.source_namespace)
    return _References(tuple(hosts), tuple(sorted(labels)), namespace)


@memoized(size=65_536)
def _build(
    service: ResolvedVirtualService,
    settings: RouteSettings,
    listener: Key,
    found: tuple[Service | MergedRule | None, ...],
    source: str,
    namespace: str,
) -> Routes:
    hosts = _references(service).hosts
    destinations = {host: (found[2 * n], found[2 * n + 1]) for n, host in enumerate(hosts)}
    labels = dict(line.split("=", 1) for line in source.split("\n") if line)
    translation = _Translation(service, settings, RouteListener(*listener), destinations, labels, namespace)
    bodies: list[bytes] = []
    for route in service.http:
        for made in translation.routes_of(route):
            bodies.append(serialize(made))
            if takes_everything(made.match):
                return Routes(tuple(bodies), True, (service.origin, *service.delegates))
    return Routes(tuple(bodies), False, (service.origin, *service.delegates))


def _alternative(port: int) -> Any:
    """Tells clients that a port speaks HTTP/3, for a day."""
    return HeaderValueOption(header=HeaderValue(key="alt-svc", value=f'h3=":{port}"; ma=86400'))


@dataclass(frozen=True, slots=True)
class _Translation:
    service: ResolvedVirtualService
    settings: RouteSettings
    listener: RouteListener
    destinations: Mapping[str, tuple[Any, Any]]
    labels: Mapping[str, str]
    namespace: str

    def routes_of(self, route: HTTPRoute) -> Iterator[Any]:
        """An Envoy route for each condition that applies; a route without conditions takes everything."""
        if not route.match:
            yield self._route(route, None)
        for match in route.match:
            if self._applies(match) and validity.is_valid_match(match, self.service.path_segments):
                yield self._route(route, match)

    def _applies(self, match: HTTPMatchRequest) -> bool:
        if match.port and match.port != self.listener.port:
            return False
        if match.gateways:
            return self.listener.gateway in match.gateways
        if match.source_namespace and match.source_namespace != self.namespace:
            return False
        return match.source_labels.items() <= self.labels.items()

    def _route(self, route: HTTPRoute, match: HTTPMatchRequest | None) -> Any:
        changes = action.route_changes(route)
        fields = dict(self._action(route, match, changes))
        filters = {**self._filters(route), **self._session(route)}
        operation = self._operation(fields, match)
        made = Route(
            name=_name(route, match),
            match=EVERYTHING if match is None else build_match(match, gateway_semantics=self.service.path_segments),
            metadata=config_metadata(self.service.origin),
            decorator=Decorator(operation=operation),
            stat_prefix=match.stat_prefix if match is not None else "",
            typed_per_filter_config=filters,
            **({} if not validity.is_valid_route(route) else changes.fields()),
            **fields,
        )
        if self.listener.quic:
            made.response_headers_to_add.append(_alternative(self.listener.port))
        return made

    @property
    def _gateway_semantics(self) -> bool:
        return self.service.gateway_semantics

    def _action(self, route: HTTPRoute, match: HTTPMatchRequest | None, changes: HeaderChanges) -> Mapping[str, Any]:
        if not validity.is_valid_route(route):
            return action.broken(self._gateway_semantics)
        if route.redirect is not None:
            return action.redirect(
                route.redirect,
                self.listener.port,
                match,
                tls=self.listener.tls,
                gateway_semantics=self._gateway_semantics,
            )
        if route.direct_response is not None:
            return action.direct_response(route.direct_response)
        return action.forward(route, match, self._forwarding(route), changes)

    def _forwarding(self, route: HTTPRoute) -> action.Forwarding:
        upstreams = [self._upstream(each.destination) for each in route.route]
        hashed = len(upstreams) == 1 and upstreams[0].hash_policy is not None
        return action.Forwarding(
            upstreams=upstreams,
            mirrors=[self._cluster(destination) for destination, _ in action.mirror_destinations(route)],
            retry_policy=build_retry_policy(route.retries, self.settings.mesh.default_http_retry_policy, hashed),
            gateway_semantics=self._gateway_semantics,
            append_x_forwarded_host=self.settings.append_x_forwarded_host,
            shadow_host_suffix=self.settings.features.shadow_host_suffix,
        )

    def _upstream(self, destination: Destination) -> action.Upstream:
        _, rule = self.destinations.get(destination.host, _NOTHING)
        port = destination.port.number if destination.port is not None else None
        return action.Upstream(self._cluster(destination), build_hash_policy(rule, destination.subset, port))

    def _cluster(self, destination: Destination) -> str:
        service, _ = self.destinations.get(destination.host, _NOTHING)
        listener = self.listener
        layer = "http" if listener.own and destination.host in listener.own.split("\n") else ""
        return cluster_of(
            destination, service, listener.port, keep_listener_port=listener.keep_listener_port, own_layer=layer
        )

    def _filters(self, route: HTTPRoute) -> dict[str, Any]:
        if not validity.is_valid_route(route):
            return {}
        made: dict[str, Any] = {}
        if route.fault is not None:
            made[route_filters.FAULT] = route_filters.fault(route.fault)
        if route.cors_policy is not None:
            made[route_filters.CORS] = route_filters.cors(route.cors_policy)
        return made

    def _session(self, route: HTTPRoute) -> Mapping[str, Any]:
        """The sticky session of the destinations.

        istiod: of two neighbours that both want one the first counts; one that wants none ends what was before it.
        """
        chosen: tuple[str, str] | None = None
        for each in route.route:
            if len(route.route) > 1 and each.weight <= 0:
                continue
            service, _ = self.destinations.get(each.destination.host, _NOTHING)
            wanted = route_filters.session_key(service, self.settings.features)
            if wanted is not None and chosen is not None:
                break
            chosen = wanted
        return route_filters.stateful_session(chosen) if chosen is not None else {}

    def _operation(self, fields: Mapping[str, Any], match: HTTPMatchRequest | None) -> str:
        """What traces call the route: `host:port/path` of its one cluster, else the VirtualService's name."""
        path = "/*"
        if match is not None and match.uri is not None:
            if match.uri.exact is not None:
                path = match.uri.exact
            elif match.uri.regex is not None:
                path = match.uri.regex
            elif match.uri.prefix is not None and (match.uri.prefix == "/" or not self.service.path_segments):
                path = f"{match.uri.prefix}*"
        forwarding = fields.get("route")
        cluster = ClusterName.parse(forwarding.cluster) if forwarding is not None else None
        if cluster is not None:
            return f"{cluster.host}:{cluster.port}{path}"
        return f"{self.service.name}:{self.listener.port}{path}"


_NOTHING: Final = (None, None)


def _name(route: HTTPRoute, match: HTTPMatchRequest | None) -> str:
    return f"{route.name}.{match.name}" if match is not None and match.name else route.name
