"""AuthorizationPolicy: who may do what.

In: a decoded object. Out: findings. What rules mean for Envoy, and what becomes of a rule that it would not take, is in
`model/authorization_rules.py`. Source: CA behaviour 5.4 (AuthorizationPolicy).
"""

from collections.abc import Iterator, Sequence
from typing import Final

from pilot.model.authorization_policy import (
    AuthorizationAction,
    AuthorizationPolicy,
    AuthorizationPolicySpec,
    Condition,
    Operation,
    Rule,
    Source,
)
from pilot.model.authorization_values import (
    PARSERS,
    Attribute,
    parse_account,
    parse_key,
    parse_path,
    parse_port,
    parse_range,
    parse_text,
)
from pilot.model.decoding import Path, describe
from pilot.model.objects import json_name
from pilot.validation import forms
from pilot.validation.finding import Finding, Findings, note

_MOST_ACCOUNTS: Final = 16
_LONGEST_ACCOUNT: Final = 320
_TRUTHS: Final = frozenset({"1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False"})
_IDENTITIES: Final = ("principals", "request_principals", "namespaces", "service_accounts")
_NOT_ASKED: Final = (
    Attribute.NAMESPACE, Attribute.PRINCIPAL, Attribute.SERVICE_ACCOUNT, Attribute.REQUEST_PRINCIPAL,
    Attribute.AUDIENCE, Attribute.PRESENTER, Attribute.CLAIM,
)  # fmt: skip
"""Whom requests are from, as tokens and certificates say it: authorizers are not asked by that."""
_HTTP_ONLY: Final = (
    "configured AuthorizationPolicy will deny all traffic to TCP ports under its scope due to the use of only HTTP "
    "attributes in a DENY rule; it is recommended to explicitly specify the port"
)


def authorization_policy(checked: AuthorizationPolicy) -> Findings:
    """Everything that is wrong with an AuthorizationPolicy."""
    spec = checked.spec
    yield from _dry_run(checked)
    labels = spec.selector.match_labels if spec.selector is not None else None
    yield from forms.selector(labels, ("spec", "selector", "matchLabels"))
    yield from forms.targets(spec.target_refs, spec.target_ref, spec.selector is not None)
    yield from _action(spec)
    for index, rule in enumerate(spec.rules):
        path: Path = ("spec", "rules", index)
        yield from _rule(rule, path, checked.namespace, spec.action is AuthorizationAction.CUSTOM)
        if spec.action is AuthorizationAction.DENY and _is_http_only(rule):
            yield note(path, _HTTP_ONLY)


def _dry_run(checked: AuthorizationPolicy) -> Findings:
    if forms.DRY_RUN not in checked.metadata.annotations:
        return
    path: Path = ("metadata", "annotations", forms.DRY_RUN)
    value, action = checked.metadata.annotations[forms.DRY_RUN], checked.spec.action
    if action not in (AuthorizationAction.ALLOW, AuthorizationAction.DENY):
        yield Finding(path, f"expected nothing: only action ALLOW or DENY is tried out, got {action}")
    if value not in _TRUTHS:
        yield Finding(path, f"expected true or false, got {describe(value)}")


def _action(spec: AuthorizationPolicySpec) -> Findings:
    is_custom = spec.action is AuthorizationAction.CUSTOM
    if is_custom and (spec.provider is None or not spec.provider.name):
        yield Finding(("spec", "provider", "name"), "expected the name of a provider with action CUSTOM, got nothing")
    if not is_custom and spec.provider is not None:
        yield Finding(("spec", "provider"), f"expected nothing with action {spec.action}: it is for CUSTOM")
    if not spec.rules and spec.action in (AuthorizationAction.DENY, AuthorizationAction.CUSTOM):
        words = "without one it never applies, an empty rule {} applies to every request"
        yield Finding(("spec", "rules"), f"expected a rule with action {spec.action}, got none: {words}")


def _rule(rule: Rule, path: Path, namespace: str, is_custom: bool) -> Findings:
    for index, each in enumerate(rule.from_):
        place: Path = (*path, "from", index, "source")
        if each.source is None or each.source == Source():
            yield Finding(place, "expected a condition, got nothing")
        else:
            yield from _source(each.source, place, is_custom)
    for index, asked in enumerate(rule.to):
        place = (*path, "to", index, "operation")
        if asked.operation is None or asked.operation == Operation():
            yield Finding(place, "expected a condition, got nothing")
        else:
            yield from _operation(asked.operation, place)
    for index, condition in enumerate(rule.when):
        yield from _condition(condition, (*path, "when", index), namespace, is_custom)


# --- who ------------------------------------------------------------------------------------------------------------


def _source(source: Source, path: Path, is_custom: bool) -> Findings:
    yield from _no_empty_text(source, path)
    for name, values in _with_negation(source, "ip_blocks", "remote_ip_blocks"):
        for index, value in enumerate(values):
            if value:
                yield from _parsed(parse_range, value, (*path, json_name(name), index))
    given = {name for name, values in _with_negation(source, *_IDENTITIES) if values}
    if is_custom:
        for name in sorted(given):
            message = "expected nothing: not supported with action CUSTOM"
            yield Finding((*path, json_name(name)), message)
    accounts = {"service_accounts", "not_service_accounts"}
    if given & accounts and given & {"namespaces", "not_namespaces", "principals", "not_principals"}:
        yield Finding((*path, "serviceAccounts"), "expected them without namespaces and principals, got both")
    for name, values in _with_negation(source, "service_accounts"):
        yield from _accounts(values, (*path, json_name(name)))


def _accounts(values: Sequence[str], path: Path) -> Findings:
    if len(values) > _MOST_ACCOUNTS:
        yield Finding(path, f"expected {_MOST_ACCOUNTS} at most, got {len(values)}")
    for index, value in enumerate(values):
        if len(value) > _LONGEST_ACCOUNT:
            yield Finding((*path, index), f"expected {_LONGEST_ACCOUNT} characters at most, got {len(value)}")
        elif value:
            yield from _parsed(parse_account, value, (*path, index))


def _with_negation(holder: Source | Operation, *names: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name in names:
        for each in (name, f"not_{name}"):
            yield each, getattr(holder, each)


# --- what -----------------------------------------------------------------------------------------------------------


def _operation(operation: Operation, path: Path) -> Findings:
    yield from _no_empty_text(operation, path)
    for name, values in _with_negation(operation, "ports"):
        for index, value in enumerate(values):
            if value:
                yield from _parsed(parse_port, value, (*path, json_name(name), index))
    for name, values in _with_negation(operation, "paths"):
        for index, value in enumerate(values):
            if value:
                rooted = value if value.startswith("/") or "{" not in value else f"/{value}"
                yield from _parsed(parse_path, rooted, (*path, json_name(name), index))


def _no_empty_text(holder: Source | Operation, path: Path) -> Findings:
    for name in holder.__struct_fields__:
        for index, value in enumerate(getattr(holder, name)):
            if not value:
                yield Finding((*path, json_name(name), index), "expected a value, got nothing")


def _parsed(parse: object, value: str, path: Path, namespace: str = "") -> Findings:
    try:
        assert callable(parse)
        parse(value, namespace)
    except ValueError as error:
        yield Finding(path, str(error))


# --- under which conditions -----------------------------------------------------------------------------------------


def _condition(condition: Condition, path: Path, namespace: str, is_custom: bool) -> Findings:
    if not condition.key:
        yield Finding((*path, "key"), "expected the name of an attribute, got nothing")
        return
    if not (condition.values or condition.not_values):
        yield Finding(path, f"expected values or notValues for {condition.key[:80]}, got neither")
    found = parse_key(condition.key)
    if found is None:
        yield Finding((*path, "key"), f"expected an attribute that is known, got {describe(condition.key)}")
        return
    attribute = found[0]
    if is_custom and attribute in _NOT_ASKED:
        yield Finding(
            (*path, "key"), f"expected another attribute: {condition.key} is not supported with action CUSTOM"
        )
    parse = PARSERS.get(attribute, parse_text)
    for name, values in (("values", condition.values), ("notValues", condition.not_values)):
        for index, value in enumerate(values):
            yield from _parsed(parse, value, (*path, name, index), namespace)


def _is_http_only(rule: Rule) -> bool:
    """Whether a rule says whom or what it means in words of HTTP alone; of what is asked for TCP knows ports only.

    istiod: does not look at conditions (`when`).
    """
    if rule.to:
        return not any(each.operation and (each.operation.ports or each.operation.not_ports) for each in rule.to)
    sources = [each.source for each in rule.from_ if each.source is not None]
    names = {name for each in sources for name in each.__struct_fields__ if getattr(each, name)}
    return bool(rule.from_) and names <= {"request_principals", "not_request_principals"}
