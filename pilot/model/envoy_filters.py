"""EnvoyFilters in the order in which they take effect, with what can be wrong with them before any proxy is known.

In: decoded EnvoyFilters. Out: checked ones, found by workload. Does not know Envoy's messages: whether a value fits is
judged where it is applied (`generators/patching`). Source: xDS behaviour 7.0, 7.1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import re2

from pilot.memo import memoized
from pilot.model.envoy_filter import (
    ApplyTo,
    ConfigPatch,
    EnvoyFilter,
    ObjectMatch,
    Operation,
    PatchContext,
    PatchSpec,
    ProxyMatch,
)
from pilot.model.objects import ObjectKey
from pilot.model.policy_attachment import Attachment
from pilot.model.problem import Problem, Severity
from pilot.resources import Origin

_INSERTED = frozenset({ApplyTo.HTTP_FILTER, ApplyTo.NETWORK_FILTER, ApplyTo.HTTP_ROUTE, ApplyTo.LISTENER_FILTER})
_INSERTS = frozenset({Operation.INSERT_BEFORE, Operation.INSERT_AFTER, Operation.INSERT_FIRST})
_FILTERS = frozenset({*_INSERTS, Operation.ADD, Operation.MERGE, Operation.REMOVE, Operation.REPLACE})
_OPERATIONS: Mapping[ApplyTo, frozenset[Operation]] = {
    ApplyTo.LISTENER: frozenset({Operation.ADD, Operation.MERGE, Operation.REMOVE}),
    ApplyTo.FILTER_CHAIN: frozenset({Operation.ADD, Operation.MERGE, Operation.REMOVE}),
    ApplyTo.CLUSTER: frozenset({Operation.ADD, Operation.MERGE, Operation.REMOVE}),
    ApplyTo.NETWORK_FILTER: _FILTERS,
    ApplyTo.HTTP_FILTER: _FILTERS,
    ApplyTo.LISTENER_FILTER: _FILTERS,
    ApplyTo.ROUTE_CONFIGURATION: frozenset({Operation.MERGE}),
    ApplyTo.VIRTUAL_HOST: frozenset({Operation.ADD, Operation.MERGE, Operation.REMOVE, Operation.REPLACE}),
    ApplyTo.HTTP_ROUTE: frozenset({*_INSERTS, Operation.ADD, Operation.MERGE, Operation.REMOVE}),
    ApplyTo.EXTENSION_CONFIG: frozenset({Operation.ADD}),
    ApplyTo.BOOTSTRAP: frozenset({Operation.MERGE}),
}
_ANYWHERE = ObjectMatch()
REFERENCED_SERVICES = "envoyfilter.istio.io/referenced-services"
"""Annotation: `host` or `namespace/host`, separated by commas."""


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """One entry of `configPatches` that can take effect. Compared by identity: the same object for the same object."""

    origin: Origin
    index: int
    """Its place in `configPatches`."""
    apply_to: ApplyTo
    operation: Operation
    match: ObjectMatch
    value: Mapping[str, object]
    """JSON of an Envoy message; empty for REMOVE."""
    references: tuple[str, ...] = ()
    """Hosts of services that its object needs beside those that the proxy has anyway."""

    @property
    def field(self) -> str:
        """Where it stands in its object."""
        return f"spec.configPatches[{self.index}]"

    @property
    def key(self) -> ObjectKey:
        """The object it stands in."""
        return ObjectKey(self.origin.kind, self.origin.namespace, self.origin.name)

    def fits_context(self, context: PatchContext) -> bool:
        """Whether it is meant for this side of this kind of proxy."""
        return self.match.context is PatchContext.ANY or self.match.context is context


@dataclass(frozen=True, slots=True)
class CheckedFilter:
    """An EnvoyFilter that was checked."""

    key: ObjectKey
    created: str
    attachment: Attachment
    priority: int
    declared: EnvoyFilter
    """What it was made from: compared by value, where patches compare by identity."""
    patches: tuple[Patch, ...]
    problems: tuple[Problem, ...]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CheckedFilter):
            return NotImplemented
        return self._said() == other._said()

    def _said(self) -> tuple[object, ...]:
        references = self.declared.metadata.annotations.get(REFERENCED_SERVICES)
        return self.key, self.created, self.declared.spec, references

    def __hash__(self) -> int:
        return hash(self.key)


@memoized(size=8192)
def check(declared: EnvoyFilter) -> CheckedFilter:
    """The EnvoyFilter, checked; the same object for the same one. What cannot take effect is left out and named."""
    patches: list[Patch] = []
    problems: list[Problem] = []
    for index, entry in enumerate(declared.spec.config_patches):
        fault = _fault(entry)
        if fault is not None:
            message, severity = fault
            field = f"spec.configPatches[{index}]"
            problems.append(Problem(message, declared.key, field=field, severity=severity))
        if fault is None or fault[1] is Severity.WARNING:
            patches.append(_patch(declared, index, entry))
    spec = declared.spec
    labels = spec.workload_selector.labels if spec.workload_selector is not None else {}
    attachment = Attachment(declared.namespace, labels, spec.target_refs)
    return CheckedFilter(
        declared.key, declared.created, attachment, spec.priority, declared, tuple(patches), tuple(problems)
    )


def _patch(declared: EnvoyFilter, index: int, entry: ConfigPatch) -> Patch:
    patch = entry.patch or PatchSpec()
    operation = patch.operation
    if operation in _INSERTS and entry.apply_to not in _INSERTED:
        operation = Operation.ADD
    written = declared.metadata.annotations.get(REFERENCED_SERVICES, "").split(",")
    hosts = tuple(each.strip().rpartition("/")[2] for each in written if each.strip())
    return Patch(declared.origin, index, entry.apply_to, operation, entry.match or _ANYWHERE, patch.value or {}, hosts)


def _fault(entry: ConfigPatch) -> tuple[str, Severity] | None:
    """What is wrong with a patch; an ERROR keeps it from taking effect."""
    patch, match = entry.patch or PatchSpec(), entry.match or _ANYWHERE
    operation, target = patch.operation, entry.apply_to
    if target is ApplyTo.INVALID:
        return "expected applyTo to say what is patched, got nothing", Severity.ERROR
    if operation in _INSERTS and target not in _INSERTED:
        operation = Operation.ADD
    if operation not in _OPERATIONS[target]:
        known = ", ".join(sorted(_OPERATIONS[target]))
        return f"expected one of {known} for {target.value}, got {patch.operation.value}", Severity.ERROR
    if operation is not Operation.REMOVE and not patch.value:
        return f"expected a value to {operation.value}, got nothing", Severity.ERROR
    if match.context is PatchContext.WAYPOINT or match.waypoint is not None:
        return "context WAYPOINT has no effect; waypoints take patches of SIDECAR_INBOUND", Severity.WARNING
    expression = match.proxy.proxy_version if match.proxy is not None else ""
    if expression and _version(expression) is None:
        return f'expected proxyVersion to be a regular expression, got "{expression[:80]}"', Severity.ERROR
    return None


@memoized(size=1024)
def _version(expression: str) -> Any | None:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(expression, options)
    except re2.error:
        return None


def applies_to_proxy(match: ProxyMatch | None, version: str, metadata: Mapping[str, object]) -> bool:
    """Whether a patch is for proxies that call their version and metadata so; no version is no match for one."""
    if match is None:
        return True
    if match.proxy_version:
        compiled = _version(match.proxy_version)
        if compiled is None or not version or not compiled.search(version):
            return False
    return all(metadata.get(key) == value for key, value in match.metadata.items())
