"""EnvoyFilter: patches that fit what they are to change.

In: a decoded object. Out: findings. Whether a patch finds something to change is known only where it is applied.
Source: CA behaviour 5.4 (EnvoyFilter).
"""

from typing import Final

from pilot.model.decoding import Path, describe
from pilot.model.envoy_filter import (
    ApplyTo,
    ConfigPatch,
    EnvoyFilter,
    ListenerMatch,
    ObjectMatch,
    Operation,
    PatchContext,
    PatchSpec,
)
from pilot.model.filter_names import CANONICAL
from pilot.validation import envoy_message, forms
from pilot.validation.finding import Finding, Findings, note, refused_if
from pilot.validation.syntax import regex_fault

_CAUTION: Final = (
    "EnvoyFilter exposes internal implementation details that may change at any time. Prefer other APIs if possible, "
    "and exercise extreme caution, especially around upgrades."
)
_IN_LISTENERS: Final = frozenset({ApplyTo.LISTENER, ApplyTo.FILTER_CHAIN, ApplyTo.NETWORK_FILTER, ApplyTo.HTTP_FILTER})
_IN_ROUTES: Final = frozenset({ApplyTo.ROUTE_CONFIGURATION, ApplyTo.VIRTUAL_HOST, ApplyTo.HTTP_ROUTE})
_FILTERS: Final = (ApplyTo.NETWORK_FILTER, ApplyTo.HTTP_FILTER)
_HTTP_MANAGERS: Final = ("envoy.filters.network.http_connection_manager", "envoy.http_connection_manager")


def envoy_filter(checked: EnvoyFilter) -> Findings:
    """Everything that is wrong with an EnvoyFilter; a word of caution always."""
    spec = checked.spec
    yield note((), _CAUTION)
    labels = spec.workload_selector.labels if spec.workload_selector is not None else None
    yield from forms.selector(labels, ("spec", "workloadSelector", "labels"))
    for index, patch in enumerate(spec.config_patches):
        if patch.match is None or patch.match.context is not PatchContext.WAYPOINT:
            yield from _patch(patch, ("spec", "configPatches", index))


def _patch(entry: ConfigPatch, path: Path) -> Findings:
    if entry.apply_to is ApplyTo.INVALID:
        yield Finding((*path, "applyTo"), "expected what to change, got nothing")
    patch = entry.patch
    if patch is None:
        yield Finding((*path, "patch"), "expected a patch, got nothing")
    else:
        if patch.operation is Operation.INVALID:
            yield Finding((*path, "patch", "operation"), "expected an operation, got nothing")
        elif patch.operation is not Operation.REMOVE and patch.value is None:
            yield Finding((*path, "patch", "value"), f"expected a value with operation {patch.operation}, got nothing")
    if entry.match is not None:
        if entry.match.proxy is not None and entry.match.proxy.proxy_version:
            version = entry.match.proxy.proxy_version
            yield from refused_if((*path, "match", "proxy", "proxyVersion"), regex_fault(version))
        yield from _match(entry.apply_to, entry.match, (*path, "match"))
    if patch is not None and patch.value is not None:
        yield from _value(entry.apply_to, patch, (*path, "patch", "value"))


def _match(apply_to: ApplyTo, match: ObjectMatch, path: Path) -> Findings:
    given = {"listener": match.listener, "routeConfiguration": match.route_configuration, "cluster": match.cluster}
    fitting = ""
    if apply_to in _IN_LISTENERS:
        fitting = "listener"
    elif apply_to in _IN_ROUTES:
        fitting = "routeConfiguration"
    elif apply_to is ApplyTo.CLUSTER:
        fitting = "cluster"
    for name, value in given.items():
        if value is not None and fitting and name != fitting:
            yield Finding((*path, name), f"expected {fitting} with applyTo {apply_to}, got {name}")
    if match.listener is not None and fitting == "listener":
        yield from _listener(apply_to, match.listener, (*path, "listener"))


def _listener(apply_to: ApplyTo, match: ListenerMatch, path: Path) -> Findings:
    chosen = match.filter_chain.filter if match.filter_chain is not None else None
    if chosen is None:
        return
    place: Path = (*path, "filterChain", "filter")
    if apply_to not in _FILTERS:
        yield note(place, f"filter match has no effect when used with {apply_to}")
    if not chosen.name:
        yield Finding((*place, "name"), "expected the name of a filter, got nothing")
    elif chosen.name in CANONICAL:
        yield note((*place, "name"), _renamed(chosen.name))
    if chosen.sub_filter is None:
        return
    inner: Path = (*place, "subFilter")
    if apply_to is not ApplyTo.HTTP_FILTER:
        yield Finding(inner, f"expected it with applyTo HTTP_FILTER only, got {apply_to}")
    if chosen.name and chosen.name not in _HTTP_MANAGERS:
        yield Finding(inner, f"expected it below {_HTTP_MANAGERS[0]} only, got {describe(chosen.name)}")
    if not chosen.sub_filter.name:
        yield Finding((*inner, "name"), "expected the name of a filter, got nothing")
    elif chosen.sub_filter.name in CANONICAL:
        yield note((*inner, "name"), _renamed(chosen.sub_filter.name))


def _renamed(name: str) -> str:
    return f"using deprecated filter name {name}; use {CANONICAL[name]} instead"


def _value(apply_to: ApplyTo, patch: PatchSpec, path: Path) -> Findings:
    value = patch.value or {}
    kind = envoy_message.KINDS.get(apply_to)
    if kind is None:
        return
    for unknown in envoy_message.unknown_types(value):
        hint = " (an API of the second version: try the third)" if ".v2." in unknown else ""
        yield Finding(path, f"expected types that are known, got {describe(unknown)}{hint}")
        return
    wrong, strange = envoy_message.value_faults(kind, value)
    yield from refused_if(path, wrong)
    if strange is not None:
        yield note(path, f"Envoy filter: {strange}")
    unconfigured = [] if wrong else envoy_message.unconfigured(kind, value)
    if unconfigured:
        yield note(path, f"using types by name without typed_config, which Envoy refuses: {', '.join(unconfigured)}")
