"""What a route does with a request: answers itself, redirects, or forwards.

In: a route of a VirtualService with its destinations resolved. Out: the action as keyword arguments of a
`Route`. Matches, faults and headers are made beside this module. Source: xDS behaviour 5.5, 5.6, 5.7.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from envoy.config.core.v3.base_pb2 import DataSource, RuntimeFractionalPercent
from envoy.config.route.v3.route_components_pb2 import (
    DirectResponseAction,
    RedirectAction,
    RouteAction,
    WeightedCluster,
)
from envoy.type.matcher.v3.regex_pb2 import RegexMatchAndSubstitute, RegexMatcher
from envoy.type.v3.percent_pb2 import FractionalPercent
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from pilot.generators.envoy.regex import quote
from pilot.generators.routes.header_operations import NO_CHANGES, HeaderChanges, header_changes
from pilot.generators.routes.route_filters import fraction
from pilot.model.virtual_service import (
    Destination,
    HTTPDirectResponse,
    HTTPMatchRequest,
    HTTPRedirect,
    HTTPRewrite,
    HTTPRoute,
    HTTPRouteDestination,
    Percent,
    RedirectPortSelection,
)

_REDIRECT_CODES: Final = {
    0: RedirectAction.MOVED_PERMANENTLY,
    301: RedirectAction.MOVED_PERMANENTLY,
    302: RedirectAction.FOUND,
    303: RedirectAction.SEE_OTHER,
    307: RedirectAction.TEMPORARY_REDIRECT,
    308: RedirectAction.PERMANENT_REDIRECT,
}
REDIRECT_CODES: Final = frozenset(_REDIRECT_CODES)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_PREFIX_OPERATOR: Final = "%PREFIX()%"


@dataclass(frozen=True, slots=True)
class Upstream:
    """A destination found in the mesh: the cluster and what its rule says about hashing."""

    cluster: str
    hash_policy: Any | None = None


@dataclass(frozen=True, slots=True)
class Forwarding:
    """What forwarding depends on besides the route itself."""

    upstreams: Sequence[Upstream]
    """One for each destination of the route, in order."""
    mirrors: Sequence[str]
    """Clusters of `mirror_destinations(route)`, in order."""
    retry_policy: Any | None
    gateway_semantics: bool
    append_x_forwarded_host: bool
    shadow_host_suffix: bool


def redirect(
    action: HTTPRedirect, port: int, match: HTTPMatchRequest | None = None, *, tls: bool, gateway_semantics: bool
) -> Mapping[str, Any]:
    """A redirect; `port` and `tls` are those of the listener."""
    made = RedirectAction(
        host_redirect=action.authority,
        scheme_redirect=action.scheme or None,
        response_code=_REDIRECT_CODES.get(action.redirect_code, RedirectAction.MOVED_PERMANENTLY),
    )
    if gateway_semantics and action.uri.startswith(_PREFIX_OPERATOR):
        prefix = action.uri.removeprefix(_PREFIX_OPERATOR)
        if prefix == "/" and (removal := _removal(match)) is not None:
            made.regex_rewrite.CopyFrom(removal)
        else:
            made.prefix_rewrite = prefix
    else:
        made.path_redirect = action.uri
    scheme = action.scheme or ("https" if tls else "http")
    target = action.port or 0
    if action.derive_port is RedirectPortSelection.FROM_REQUEST_PORT:
        target = port
    made.port_redirect = 0 if target == _DEFAULT_PORTS.get(scheme) else target
    return {"redirect": made}


def direct_response(answer: HTTPDirectResponse) -> Mapping[str, Any]:
    """A fixed answer."""
    made = DirectResponseAction(status=answer.status)
    if answer.body is not None and answer.body.string is not None:
        made.body.CopyFrom(DataSource(inline_string=answer.body.string))
    elif answer.body is not None and answer.body.bytes is not None:
        made.body.CopyFrom(DataSource(inline_bytes=decode_body(answer.body.bytes)))
    return {"direct_response": made}


def decode_body(text: str) -> bytes:
    """Base64 with or without padding, of either alphabet. Raises: ValueError."""
    padded = text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)
    try:
        return base64.b64decode(padded, validate=True)
    except binascii.Error as error:
        raise ValueError(f"expected base64, got {text[:40]!r}") from error


def broken_code(gateway_semantics: bool) -> int:
    """The status of a route that Envoy would refuse as written; Gateway API says 500."""
    return 500 if gateway_semantics else 503


def broken(gateway_semantics: bool) -> Mapping[str, Any]:
    """The answer of such a route."""
    return {"direct_response": DirectResponseAction(status=broken_code(gateway_semantics))}


def forward(
    route: HTTPRoute, match: HTTPMatchRequest | None, how: Forwarding, changes: HeaderChanges
) -> Mapping[str, Any]:
    """Forwarding to one cluster, or to several by weight. `changes` are those of `route_changes(route)`."""
    timeout = route.timeout if route.timeout is not None else Duration()
    made = RouteAction(
        timeout=timeout,
        max_grpc_timeout=timeout,
        retry_policy=how.retry_policy,
        append_x_forwarded_host=how.append_x_forwarded_host,
        hash_policy=list(_hash_policies(route.route, how.upstreams)),
    )
    if how.gateway_semantics:
        made.cluster_not_found_response_code = RouteAction.INTERNAL_SERVER_ERROR
    if route.rewrite is not None:
        _set_rewrite(made, route.rewrite, match, gateway_semantics=how.gateway_semantics)
    if changes.authority and not made.host_rewrite_literal:
        made.host_rewrite_literal = changes.authority
    for (_, share), cluster in zip(mirror_destinations(route), how.mirrors, strict=True):
        made.request_mirror_policies.append(_mirror(cluster, share, suffix=how.shadow_host_suffix))
    if len(how.upstreams) == 1:
        made.cluster = how.upstreams[0].cluster
    else:
        made.weighted_clusters.CopyFrom(_weighted(route.route, how.upstreams))
    return {"route": made}


def _hash_policies(destinations: Sequence[HTTPRouteDestination], upstreams: Sequence[Upstream]) -> Iterator[Any]:
    for destination, upstream in zip(destinations, upstreams, strict=True):
        if upstream.hash_policy is not None and (len(upstreams) == 1 or destination.weight > 0):
            yield upstream.hash_policy


def _set_rewrite(made: Any, rewrite: HTTPRewrite, match: HTTPMatchRequest | None, *, gateway_semantics: bool) -> None:
    if rewrite.uri_regex_rewrite is not None:
        regex = rewrite.uri_regex_rewrite
        made.regex_rewrite.CopyFrom(_substitute(regex.match, regex.rewrite))
    elif gateway_semantics and rewrite.uri == "/" and (removal := _removal(match)) is not None:
        made.regex_rewrite.CopyFrom(removal)
    elif rewrite.uri:
        made.prefix_rewrite = rewrite.uri
    if rewrite.authority:
        made.host_rewrite_literal = rewrite.authority


def _removal(match: HTTPMatchRequest | None) -> Any | None:
    """Takes the prefix of a match away; a plain rewrite of it to `/` would leave `//rest`."""
    if match is None or match.uri is None or not match.uri.prefix:
        return None
    return _substitute(f"^{quote(match.uri.prefix.rstrip('/'))}(/?)(.*)", r"/\2")


def _substitute(regex: str, substitution: str) -> Any:
    return RegexMatchAndSubstitute(pattern=RegexMatcher(regex=regex), substitution=substitution)


def _weighted(destinations: Sequence[HTTPRouteDestination], upstreams: Sequence[Upstream]) -> Any:
    clusters = []
    for destination, upstream in zip(destinations, upstreams, strict=True):
        if destination.weight <= 0:
            continue
        changes = header_changes(destination.headers)
        weight = WeightedCluster.ClusterWeight(
            name=upstream.cluster, weight=UInt32Value(value=destination.weight), **changes.fields()
        )
        if changes.authority:
            weight.host_rewrite_literal = changes.authority
        clusters.append(weight)
    return WeightedCluster(clusters=clusters)


def route_changes(route: HTTPRoute) -> HeaderChanges:
    """Changes of headers at route level: a single destination's are among them."""
    changes = header_changes(route.headers)
    if len(route.route) == 1:
        changes = changes.then(header_changes(route.route[0].headers))
    return changes if changes != NO_CHANGES else NO_CHANGES


def mirror_destinations(route: HTTPRoute) -> tuple[tuple[Destination, Any], ...]:
    """Where copies go, each with its share (`FractionalPercent`); destinations that get none are left out."""
    mirrors: list[tuple[Destination, Any]] = []
    if route.mirror is not None:
        if route.mirror_percentage is None and route.mirror_percent is not None:
            mirrors.append((route.mirror, FractionalPercent(numerator=min(route.mirror_percent, 100))))
        else:
            mirrors.append((route.mirror, _share(route.mirror_percentage)))
    mirrors.extend((each.destination, _share(each.percentage)) for each in route.mirrors)
    return tuple(each for each in mirrors if each[1].numerator)


def _share(percentage: Percent | None) -> Any:
    return FractionalPercent(numerator=100) if percentage is None else fraction(percentage)


def _mirror(cluster: str, share: Any, *, suffix: bool) -> Any:
    return RouteAction.RequestMirrorPolicy(
        cluster=cluster,
        runtime_fraction=RuntimeFractionalPercent(default_value=share),
        trace_sampled=BoolValue(value=False),
        disable_shadow_host_suffix_append=not suffix,
    )
