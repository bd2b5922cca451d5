"""Rules that several kinds share: lengths of time, shares, selectors, exports, headers, targets.

In: one part of an object and its path. Out: findings. Source: CA behaviour 5.3 (rules for every kind).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final

from pilot.model.decoding import Path, describe
from pilot.model.duration import Duration
from pilot.model.objects import Metadata
from pilot.model.policy_target import PolicyTargetReference
from pilot.model.virtual_service import HeaderOperations, Headers
from pilot.validation.finding import Finding, Findings, note, refused_if
from pilot.validation.syntax import domain_fault, is_label, label_fault, label_pair_fault

DRY_RUN: Final = "istio.io/dry-run"
_RESERVED: Final = (
    "internal.istio.io/webhook-always-reject",
    "internal.istio.io/parents",
    "internal.istio.io/parent-namespace",
)
_MILLISECOND: Final = timedelta(milliseconds=1)
_TARGETS: Final = {
    ("", "Service"),
    ("core", "Service"),
    ("networking.istio.io", "ServiceEntry"),
    ("gateway.networking.k8s.io", "Gateway"),
    ("gateway.networking.k8s.io", "GatewayClass"),
}
_AUTHORITIES: Final = (":authority", "host")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_COMMAND: Final = re.compile(r"%%|%[A-Z0-9_]+(?:\([^()]*(?:\([^()]*\)[^()]*)*\))?(?::\d+)?%")


def annotations(metadata: Metadata) -> Findings:
    """Annotations that no object of a user may carry."""
    for name in _RESERVED:
        if name in metadata.annotations:
            yield Finding(
                ("metadata", "annotations", name), "expected nothing here: the control plane's own annotation"
            )


def no_dry_run(metadata: Metadata) -> Findings:
    """Trying out is for authorization policies only."""
    if DRY_RUN in metadata.annotations:
        yield Finding(
            ("metadata", "annotations", DRY_RUN), "expected nothing: only an AuthorizationPolicy is tried out"
        )


def duration(value: Duration | None, path: Path) -> Findings:
    """A length of time that is given: 1 ms at least, whole milliseconds."""
    if value is None:
        return
    if value < _MILLISECOND:
        yield Finding(path, f"expected a duration of 1ms or more, got {value}")
    elif value % _MILLISECOND:
        yield Finding(path, f"expected a duration of whole milliseconds, got {value}")


def labels(given: Mapping[str, str], path: Path) -> Findings:
    """Kubernetes labels."""
    for key, value in given.items():
        yield from refused_if((*path, key), label_pair_fault(key, value))


def selector(given: Mapping[str, str] | None, path: Path) -> Findings:
    """Labels by which workloads are selected; None: there is no selector."""
    if given is None:
        return
    if not given:
        yield note(path, "a selector without labels applies to every workload of the namespace")
    for key, value in given.items():
        if not key:
            yield Finding((*path, key), f"expected the key of a label, got nothing (value {describe(value)})")
        if "*" in key or "*" in value:
            yield Finding((*path, key), f"expected labels without wildcards, got {key}={value}")


def export_to(given: Sequence[str], namespace: str, path: Path, is_service_entry: bool = False) -> Findings:
    """Namespaces that an object is visible in."""
    seen: set[str] = set()
    for index, each in enumerate(given):
        place = (*path, index)
        if not (each in (".", "*") or is_label(each) or (each == "~" and is_service_entry)):
            forms = '".", "*", "~" or a namespace' if is_service_entry else '".", "*" or a namespace'
            yield Finding(place, f"expected {forms}, got {describe(each)}")
        meant = namespace if each == "." else each
        if meant in seen:
            yield Finding(place, f"expected every namespace once, got {describe(each)} again")
        seen.add(meant)
    for alone in ("*", "~"):
        if alone in given and len(seen) > 1:
            yield Finding(path, f'expected "{alone}" alone, got {", ".join(given)}')


def header_changes(given: Headers | None, path: Path) -> Findings:
    """Headers that a route sets, adds and removes."""
    if given is None:
        return
    for name, operations in (("request", given.request), ("response", given.response)):
        if operations is not None:
            yield from _operations(operations, (*path, name), is_request=name == "request")


def _operations(given: HeaderOperations, path: Path, is_request: bool) -> Findings:
    for verb, pairs in (("set", given.set), ("add", given.add)):
        for name, value in pairs.items():
            allowed = _AUTHORITIES if is_request else ()
            yield from refused_if((*path, verb, name), _name_fault(name, allowed) or header_value_fault(value))
    for index, name in enumerate(given.remove):
        yield from refused_if((*path, "remove", index), _name_fault(name, ()))


def _name_fault(name: str, allowed: Iterable[str]) -> str | None:
    if not name:
        return "expected the name of a header, got nothing"
    if name in allowed:
        return None
    if name.startswith(":"):
        return f"expected a header that may be changed, got the pseudo header {describe(name)}"
    return "expected a header that may be changed, got host" if name.lower() == "host" else None


def header_value_fault(value: str) -> str | None:
    """Values of headers: no control characters, and every `%` a part of Envoy's `%COMMAND%`, or doubled."""
    if _UNPRINTABLE.search(value):
        return "expected a value without control characters"
    if "%" in _COMMAND.sub("", value):
        return f'expected "%" only as %COMMAND(...)% or doubled, got {describe(value)}'
    return None


def targets(
    references: Sequence[PolicyTargetReference],
    single: PolicyTargetReference | None,
    has_selector: bool,
    path: Path = ("spec",),
) -> Findings:
    """What a policy names to say where it belongs; only one way of saying it."""
    ways = {"selector": has_selector, "targetRef": single is not None, "targetRefs": bool(references)}
    given = [way for way, is_given in ways.items() if is_given]
    if len(given) > 1:
        yield Finding(path, f"expected only one of selector, targetRef and targetRefs, got {' and '.join(given)}")
    if single is not None:
        yield from _target(single, (*path, "targetRef"))
    for index, each in enumerate(references):
        yield from _target(each, (*path, "targetRefs", index))


def _target(reference: PolicyTargetReference, path: Path) -> Findings:
    if not reference.name:
        yield Finding((*path, "name"), "expected the name of the target, got nothing")
    if reference.namespace:
        yield Finding(
            (*path, "namespace"), f"expected nothing: a target is in the policy's own, got {reference.namespace}"
        )
    if (reference.group, reference.kind) not in _TARGETS:
        expected = "a Service, a ServiceEntry, or a Gateway or GatewayClass of gateway.networking.k8s.io"
        yield Finding(path, f'expected {expected}, got kind "{reference.kind}" of group "{reference.group}"')


def gateway_names(given: Sequence[str], path: Path) -> Findings:
    """Gateways that a route is bound to: `mesh`, `name`, `namespace/name`."""
    for index, each in enumerate(given):
        namespace, slash, name = each.rpartition("/")
        wrong = bool(slash) and not is_label(namespace) if "/" not in namespace else True
        if wrong or (label_fault(name) if slash else domain_fault(each)):
            yield Finding((*path, index), f"expected mesh, name or namespace/name of a gateway, got {describe(each)}")
        elif not slash and "." in each:
            yield note((*path, index), f"expected namespace/name, got a host name, {each}: an old form")
