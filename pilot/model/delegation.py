"""Merging of a route that delegates with the routes of its delegate.

In: a root route and the routes of a delegate, host names resolved. Out: the routes that take its place, and problems.
Source: xDS behaviour 5.4 (delegates).
"""

from collections.abc import Mapping
from typing import TypeVar

from msgspec.structs import replace

from pilot.model.virtual_service import HTTPMatchRequest, HTTPRoute, StringMatch

T = TypeVar("T")


def merge_delegate(root: HTTPRoute, routes: tuple[HTTPRoute, ...]) -> tuple[tuple[HTTPRoute, ...], tuple[str, ...]]:
    """The merged routes, and names of delegate routes that conflict with the root and are left out."""
    merged: list[HTTPRoute] = []
    dropped: list[str] = []
    for position, route in enumerate(routes):
        matches = merge_matches(root.match, route.match)
        if matches is None:
            dropped.append(route.name or str(position))
        else:
            merged.append(_inherit(root, route, matches))
    return tuple(merged), tuple(dropped)


def merge_matches(
    root: tuple[HTTPMatchRequest, ...], delegate: tuple[HTTPMatchRequest, ...]
) -> tuple[HTTPMatchRequest, ...] | None:
    """Every delegate condition together with every root condition that it fits; None where one of them fits none."""
    if not root or not delegate:
        return root or delegate
    merged: list[HTTPMatchRequest] = []
    for other in delegate:
        fitting = [_merge_match(one, other) for one in root if not conflicts(one, other)]
        if not fitting:
            return None
        merged += fitting
    return tuple(merged)


def conflicts(root: HTTPMatchRequest, delegate: HTTPMatchRequest) -> bool:
    """Whether no request fulfils both as far as can be told from the form of the conditions."""
    return (
        root.ignore_uri_case != delegate.ignore_uri_case
        or _differ(root.port, delegate.port)
        or _differ(root.source_namespace, delegate.source_namespace)
        or bool(root.gateways and delegate.gateways and not set(delegate.gateways) <= set(root.gateways))
        or any(
            _strings_conflict(one, other)
            for one, other in (
                (root.uri, delegate.uri),
                (root.scheme, delegate.scheme),
                (root.method, delegate.method),
                (root.authority, delegate.authority),
            )
        )
        or any(
            _maps_conflict(one, other)
            for one, other in (
                (root.headers, delegate.headers),
                (root.query_params, delegate.query_params),
                (root.without_headers, delegate.without_headers),
            )
        )
        or any(delegate.source_labels.get(key, value) != value for key, value in root.source_labels.items())
    )


def _differ(one: T, other: T) -> bool:
    return bool(one) and bool(other) and one != other


def _maps_conflict(root: Mapping[str, StringMatch], delegate: Mapping[str, StringMatch]) -> bool:
    return any(_strings_conflict(value, delegate.get(key)) for key, value in root.items())


def _strings_conflict(root: StringMatch | None, delegate: StringMatch | None) -> bool:
    if root is None or delegate is None:
        return False
    if root.regex is not None or delegate.regex is not None:
        return True
    if root.prefix is not None:
        narrower = delegate.exact if delegate.exact is not None else delegate.prefix
        return narrower is None or not narrower.startswith(root.prefix)
    if root.exact is not None:
        return delegate.exact != root.exact
    return False


def _merge_match(root: HTTPMatchRequest, delegate: HTTPMatchRequest) -> HTTPMatchRequest:
    return HTTPMatchRequest(
        name=_join(root.name, delegate.name),
        uri=_first(delegate.uri, root.uri),
        scheme=_first(delegate.scheme, root.scheme),
        method=_first(delegate.method, root.method),
        authority=_first(delegate.authority, root.authority),
        headers={**root.headers, **delegate.headers},
        port=delegate.port or root.port,
        source_labels={**root.source_labels, **delegate.source_labels},
        gateways=delegate.gateways or root.gateways,
        query_params={**root.query_params, **delegate.query_params},
        ignore_uri_case=delegate.ignore_uri_case,
        without_headers={**root.without_headers, **delegate.without_headers},
        source_namespace=delegate.source_namespace or root.source_namespace,
        stat_prefix=delegate.stat_prefix or root.stat_prefix,
    )


def _inherit(root: HTTPRoute, route: HTTPRoute, matches: tuple[HTTPMatchRequest, ...]) -> HTTPRoute:
    """The delegate's route, with what it does not say from the root."""
    return replace(
        route,
        name=_join(root.name, route.name),
        match=matches,
        rewrite=_first(route.rewrite, root.rewrite),
        direct_response=_first(route.direct_response, root.direct_response),
        timeout=_first(route.timeout, root.timeout),
        retries=_first(route.retries, root.retries),
        fault=_first(route.fault, root.fault),
        mirror=_first(route.mirror, root.mirror),
        mirror_percent=_first(route.mirror_percent, root.mirror_percent),
        mirror_percentage=_first(route.mirror_percentage, root.mirror_percentage),
        cors_policy=_first(route.cors_policy, root.cors_policy),
        mirrors=route.mirrors or root.mirrors,
        headers=_first(route.headers, root.headers),
    )


def _first(one: T | None, other: T | None) -> T | None:
    return other if one is None else one


def _join(root: str, delegate: str) -> str:
    return f"{root}-{delegate}" if root and delegate else root or delegate
