"""Which route of a RouteConfiguration takes a request, and what it does with it.

In: Envoy's RouteConfiguration, a request. Out: a `Choice`. Source: xDS behaviour 5.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from pilot.explain.matching import find_host, fits_route
from pilot.explain.request import Request
from pilot.resources import Origin

_CONFIG: Final = re.compile(r"/apis/[^/]+/[^/]+/namespaces/([^/]+)/([^/]+)/(.+)")
_PORT: Final = re.compile(r":\d+$")
_KINDS: Final = {"virtual-service": "VirtualService", "http-route": "HTTPRoute", "grpc-route": "GRPCRoute"}


@dataclass(frozen=True, slots=True)
class Choice:
    """What a request meets."""

    name: str
    notes: tuple[str, ...] = ()
    clusters: tuple[tuple[str, int], ...] = ()
    ended: str = ""
    """What it gets instead of a cluster's answer."""
    is_answer: bool = False
    """That is meant."""
    config: str = ""
    """The object that made the route, as a path."""
    route: Any = None


def choose(routes: Any, request: Request) -> Choice:
    """The first route that fits, of the virtual host that fits best."""
    authority = _PORT.sub("", request.authority) if routes.ignore_port_in_host_matching else request.authority
    host = find_host(routes.virtual_hosts, authority)
    if host is None:
        return Choice(routes.name, (f"no virtual host is for {authority}",), ended="404: no virtual host")
    skipped = 0
    for route in host.routes:
        if fits_route(route.match, request):
            return _chosen(routes, host, route, skipped)
        skipped += 1
    name, note = f"{routes.name} / {host.name}", f"none of its {skipped} routes fits"
    return Choice(name, (note,), ended="404: no route fits")


def _chosen(routes: Any, host: Any, route: Any, skipped: int) -> Choice:
    name = f"{routes.name} / {host.name} / {route.name or f'#{skipped}'}"
    config = _config(route)
    if route.WhichOneof("action") == "direct_response":
        status = route.direct_response.status
        return Choice(name, (), ended=f"{status}: answered by the proxy", is_answer=status < 500, config=config)
    if route.WhichOneof("action") == "redirect":
        to = route.redirect.host_redirect or route.redirect.path_redirect or "elsewhere"
        return Choice(name, (), ended=f"redirected to {to}", is_answer=True, config=config)
    action = route.route
    shares = tuple((each.name, int(each.weight.value)) for each in action.weighted_clusters.clusters)
    return Choice(name, tuple(_notes(action)), shares or ((action.cluster, 0),), config=config, route=route)


def _notes(action: Any) -> Iterable[str]:
    timeout = action.timeout.ToTimedelta() if action.HasField("timeout") else None
    if timeout:
        yield f"timeout {timeout.total_seconds():g} s"
    if action.HasField("retry_policy"):
        yield f"retries {action.retry_policy.num_retries.value} on {action.retry_policy.retry_on}"
    if action.prefix_rewrite:
        yield f"path becomes {action.prefix_rewrite}..."
    if action.host_rewrite_literal:
        yield f"host becomes {action.host_rewrite_literal}"
    for each in action.request_mirror_policies:
        yield f"a copy goes to {each.cluster}"


def rewritten(choice: Choice, request: Request) -> Request:
    """As the server sees it."""
    if choice.route is None:
        return request
    action, match = choice.route.route, choice.route.match
    headers = dict(request.headers)
    if action.host_rewrite_literal:
        headers["host"] = action.host_rewrite_literal
    path, kind = request.path, match.WhichOneof("path_specifier")
    if action.prefix_rewrite and kind in ("prefix", "path", "path_separated_prefix"):
        path = action.prefix_rewrite + path[len(getattr(match, kind)) :]
    elif action.HasField("regex_rewrite"):
        path = re.sub(action.regex_rewrite.pattern.regex, action.regex_rewrite.substitution, path)
    return replace(request, path=path, headers=headers)


def _config(route: Any) -> str:
    fields = route.metadata.filter_metadata
    return str(fields["istio"].fields["config"].string_value) if "istio" in fields else ""


def origins_of(choice: Choice, every: Iterable[Origin]) -> tuple[Origin, ...]:
    """The object that made the route; of a route that names none the objects of all routes."""
    found = _CONFIG.fullmatch(choice.config)
    if found is None:
        return tuple(every)
    namespace, kind, name = found.groups()
    return (Origin(_KINDS.get(kind, kind), namespace, name),)
