"""Virtual hosts and route configurations, put together from serialized routes.

In: names, domains, routes. Out: serialized `VirtualHost`s, each made once, and `RouteConfiguration`s that are a join of
them: a thousand services and one change cost one virtual host. Source: xDS behaviour 5.1, 5.3.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from envoy.config.route.v3.route_components_pb2 import (
    Decorator,
    DirectResponseAction,
    Route,
    RouteAction,
    VirtualHost,
)
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from pilot.generators.envoy.wire import embed, embed_all, serialize, text
from pilot.generators.routes.domains import Domains, domains_of
from pilot.generators.routes.hash_policy import build_hash_policy
from pilot.generators.routes.match import EVERYTHING
from pilot.generators.routes.retry import build_retry_policy
from pilot.generators.routes.route_filters import session_key, stateful_session
from pilot.generators.routes.settings import RouteSettings
from pilot.generators.routes.translate import Routes
from pilot.memo import memoized
from pilot.model.cluster_name import outbound
from pilot.model.destination_rule import MergedRule
from pilot.model.service import Service
from pilot.resources import Origin, Resource, resource_of_bytes
from pilot.type_urls import ROUTE

# fields of VirtualHost and RouteConfiguration
_NAME, _DOMAINS, _ROUTES = 1, 2, 3
_VIRTUAL_HOSTS: Final = 2

LARGEST_BODY: Final = 1_048_576
"""Bytes of a direct response."""

_TAIL: Final = serialize(
    RouteConfiguration(
        validate_clusters=BoolValue(value=False),
        max_direct_response_body_size_bytes=UInt32Value(value=LARGEST_BODY),
        ignore_port_in_host_matching=True,
    )
)
_NOTHING: Final = serialize(RouteConfiguration(validate_clusters=BoolValue(value=False)))
_EVERY_HOST: Final = domains_of(("*",))


@dataclass(frozen=True, slots=True, eq=False)
class Host:
    """A virtual host; `field` is it as a serialized field of a RouteConfiguration."""

    name: str
    domains: Domains
    field: bytes
    origins: tuple[Origin, ...]
    rest: bytes
    """Everything but name and domains."""


def build_host(
    name: str,
    domains: Domains,
    routes: Routes,
    *,
    attempt_count: bool,
    session: tuple[str, str] | None = None,
    require_tls: bool = False,
) -> Host:
    """A virtual host; `session` makes it sticky (see `route_filters.session_key`)."""
    return _host(name, domains, routes, attempt_count, session, require_tls)


@memoized(size=131_072)
def _host(
    name: str,
    domains: Domains,
    routes: Routes,
    attempt_count: bool,
    session: tuple[str, str] | None,
    require_tls: bool,
) -> Host:
    settings = VirtualHost(
        include_request_attempt_count=attempt_count,
        require_tls=VirtualHost.ALL if require_tls else VirtualHost.NONE,
        typed_per_filter_config=stateful_session(session) if session is not None else {},
    )
    rest = embed_all(_ROUTES, routes.bodies) + serialize(settings)
    return _assemble(name, domains, rest, routes.origins)


def _assemble(name: str, domains: Domains, rest: bytes, origins: tuple[Origin, ...]) -> Host:
    names = embed_all(_DOMAINS, (each.encode() for each in domains.names))
    return Host(name, domains, embed(_VIRTUAL_HOSTS, b"".join((text(_NAME, name), names, rest))), origins, rest)


@memoized(size=65_536)
def with_every_domain(host: Host) -> Host:
    """The same virtual host, taking every name: that of a listener with one service only."""
    return _assemble(host.name, _EVERY_HOST, host.rest, host.origins)


def with_domains(host: Host, names: Sequence[str]) -> Host:
    """The same virtual host under fewer names."""
    return _assemble(host.name, domains_of(tuple(names), host.domains.short), host.rest, host.origins)


@memoized(size=131_072)
def service_routes(service: Service, port: int, settings: RouteSettings, rule: MergedRule | None) -> Routes:
    """The one route of a service that no VirtualService speaks of."""
    hash_policy = build_hash_policy(rule, "", port)
    action = RouteAction(
        cluster=outbound(port, service.hostname),
        timeout=Duration(),
        max_grpc_timeout=Duration(),
        retry_policy=build_retry_policy(None, settings.mesh.default_http_retry_policy, False),
        hash_policy=(hash_policy,) if hash_policy is not None else (),
        append_x_forwarded_host=settings.append_x_forwarded_host,
    )
    route = Route(
        name="default",
        match=EVERYTHING,
        decorator=Decorator(operation=f"{service.hostname}:{port}/*"),
        route=action,
    )
    origins = (service.origin, rule.origin) if hash_policy is not None and rule is not None else (service.origin,)
    return Routes((serialize(route),), True, origins)


def service_session(service: Service, settings: RouteSettings) -> tuple[str, str] | None:
    """The sticky session of a service's virtual host."""
    return session_key(service, settings.features)


@memoized(size=256)
def catch_all(settings: RouteSettings, cluster: str) -> Host:
    """The virtual host of names that no service has: passed on to `cluster`, or refused where that is empty."""
    name = "allow_any" if cluster else "block_all"
    answer: Mapping[str, Any] = {"direct_response": DirectResponseAction(status=502)}
    if cluster:
        action = RouteAction(
            cluster=cluster,
            timeout=Duration(),
            max_grpc_timeout=Duration(),
            append_x_forwarded_host=settings.append_x_forwarded_host,
        )
        answer = {"route": action}
    routes = Routes((serialize(Route(name=name, match=EVERYTHING, **answer)),), True, ())
    return build_host(name, _EVERY_HOST, routes, attempt_count=settings.attempt_count)


def build_configuration(name: str, hosts: Iterable[Host], *further_origins: Origin) -> Resource:
    """A route configuration of these virtual hosts, in this order."""
    listed = list(hosts)
    value = b"".join([text(_NAME, name), *[each.field for each in listed], _TAIL])
    origins = [origin for each in listed for origin in each.origins]
    return resource_of_bytes(ROUTE, name, value, (*origins, *further_origins))


@memoized()
def empty_configuration(name: str) -> Resource:
    """The answer to a name that nothing is known of."""
    return resource_of_bytes(ROUTE, name, text(_NAME, name) + _NOTHING)
