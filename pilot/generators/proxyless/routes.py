"""Routes of proxyless gRPC clients: those of a sidecar, in the form that gRPC reads.

In: a view, names of outbound clusters. Out: a `ResourceSet`. A name means all virtual hosts of its port; gRPC does not
ignore the port of an authority, so that each domain comes with it, too. Source: xDS behaviour 4.13.
"""

from collections.abc import Iterable
from typing import Any

from envoy.config.route.v3.route_components_pb2 import RouteAction, VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from pilot.generators.envoy.wire import embed, serialize, text
from pilot.generators.routes import sidecar
from pilot.generators.routes.caller import Caller, caller_of
from pilot.generators.routes.virtual_host import Host
from pilot.memo import Work, memoized
from pilot.model.cluster_name import ClusterName
from pilot.resources import EMPTY, Resource, ResourceSet, resource_of_bytes, resource_set
from pilot.type_urls import ROUTE
from pilot.view.proxy_view import ProxyView

# fields of RouteConfiguration
_NAME, _VIRTUAL_HOSTS = 1, 2


def steps(view: ProxyView, names: frozenset[str]) -> Work[ResourceSet]:
    """The route configurations of these names, in pieces."""
    if not names:
        return EMPTY
    caller, made = caller_of(view), []
    for name in sorted(names):
        parsed = ClusterName.parse(name)
        if parsed is not None:
            made.append((yield from _configuration(name, parsed.port, caller)))
            yield
    return resource_set(made)


def _configuration(name: str, port: int, caller: Caller) -> Work[Resource]:
    hosts = yield from sidecar.hosts_of_port(port, caller)
    fields = [_field(host, port) for host in hosts]
    origins = [origin for host in hosts for origin in host.origins]
    return resource_of_bytes(ROUTE, name, b"".join((text(_NAME, name), *fields)), origins)


@memoized(size=65_536)
def _field(host: Host, port: int) -> bytes:
    """A virtual host as a field of a route configuration."""
    known = RouteConfiguration.FromString(host.field).virtual_hosts[0]
    domains = [form for domain in known.domains for form in _forms(domain, port)]
    rest = VirtualHost()
    rest.CopyFrom(known)
    del rest.domains[:]
    rest.domains.extend(dict.fromkeys(domains))
    _limit_streams(route.route for route in rest.routes if route.HasField("metadata") and route.HasField("route"))
    return embed(_VIRTUAL_HOSTS, serialize(rest))


def _forms(domain: str, port: int) -> tuple[str, ...]:
    return (domain,) if domain == "*" or domain.endswith(f":{port}") else (domain, f"{domain}:{port}")


def _limit_streams(actions: Iterable[Any]) -> None:
    """A route's time-out is that of the stream: gRPC takes it from there."""
    for action in actions:
        if action.HasField("max_grpc_timeout"):
            limit = RouteAction.MaxStreamDuration(max_stream_duration=action.max_grpc_timeout)
            action.ClearField("max_grpc_timeout")
            action.max_stream_duration.CopyFrom(limit)
