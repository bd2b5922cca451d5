"""What an AuthorizationPolicy says, checked and in one form: rules of clauses, each one attribute with its values.

In: a decoded AuthorizationPolicy. Out: an `Authorization` whose values can all be translated, and what is wrong with
it. One with a mistake has no rules but is `broken`: it must refuse, whatever it was meant to say. Knows no Envoy.
Source: xDS behaviour 7.7.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from pilot.memo import memoized
from pilot.model import authorization_values as values
from pilot.model.authorization_policy import (
    AuthorizationAction,
    AuthorizationPolicy,
    Condition,
    Operation,
    Rule,
    Source,
    UnreadablePolicy,
)
from pilot.model.authorization_values import Attribute
from pilot.model.decoding import Fault, Path, path_text
from pilot.model.objects import ObjectKey
from pilot.model.policy_attachment import Attachment
from pilot.model.problem import Problem, Severity

DRY_RUN: Final = "istio.io/dry-run"
_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False", ""})


@dataclass(frozen=True, slots=True)
class Clause:
    """One attribute: one of the values holds, or with `negated` none does. There is at least one value."""

    attribute: Attribute
    values: tuple[str, ...]
    negated: bool = False
    path: tuple[str, ...] = ()
    """The name of a header; the way to a claim; filter and key of metadata."""


Clauses = tuple[Clause, ...]
"""All of them hold; none at all: everything does."""


@dataclass(frozen=True, slots=True)
class CheckedRule:
    """One of `sources` and one of `operations` hold; both have at least one. Conditions are in each of them."""

    sources: tuple[Clauses, ...]
    operations: tuple[Clauses, ...]


@dataclass(frozen=True, slots=True)
class Authorization:
    """A policy that was checked."""

    key: ObjectKey
    created: str
    attachment: Attachment
    action: AuthorizationAction
    dry_run: bool = False
    """Never enforced, only counted and logged."""
    provider: str = ""
    rules: tuple[CheckedRule, ...] = ()
    broken: bool = False
    """It cannot be translated in full: it refuses what it could have refused."""
    problems: tuple[Problem, ...] = ()


@memoized(size=65_536)
def check(policy: AuthorizationPolicy) -> Authorization:
    """The policy, checked; the same object for the same policy."""
    spec, found = policy.spec, _Faults()
    rules = tuple(
        _rule(rule, ("spec", "rules", index), policy.namespace, found) for index, rule in enumerate(spec.rules)
    )
    provider = spec.provider.name if spec.provider is not None else ""
    if provider and spec.action is not AuthorizationAction.CUSTOM:
        found.add(("spec", "provider"), "expected a provider with action CUSTOM only")
    dry_run = _dry_run(policy, found)
    if isinstance(policy, UnreadablePolicy):
        found.add(("spec",), "cannot be read")
    problems = tuple(
        Problem(each.message, policy.key, field=path_text(each.path), severity=each.severity) for each in found.all
    )
    broken = any(each.severity is Severity.ERROR for each in found.all)
    if broken:
        consequence = Problem(_CONSEQUENCE[spec.action], policy.key)
        rules, problems = (), (*problems, consequence)
    return Authorization(
        key=policy.key,
        created=policy.created,
        attachment=Attachment.of(policy.namespace, spec),
        action=spec.action,
        dry_run=dry_run,
        provider=provider,
        rules=rules,
        broken=broken,
        problems=problems,
    )


_DENIES: Final = "cannot be translated in full: everything is denied for the workloads that it selects"
_CONSEQUENCE: Final = {
    AuthorizationAction.ALLOW: "cannot be translated in full: it allows nothing for the workloads that it selects",
    AuthorizationAction.DENY: _DENIES,
    AuthorizationAction.CUSTOM: _DENIES,
    AuthorizationAction.AUDIT: "cannot be translated in full: everything is audited for the workloads that it selects",
}


class _Faults:
    """Collects mistakes while a policy is read."""

    def __init__(self) -> None:
        self.all: list[Fault] = []

    def add(self, path: Path, message: str, severity: Severity = Severity.ERROR) -> None:
        self.all.append(Fault(path, message, severity))


def _dry_run(policy: AuthorizationPolicy, found: _Faults) -> bool:
    text = policy.metadata.annotations.get(DRY_RUN, "")
    path: Path = ("metadata", "annotations", DRY_RUN)
    if text not in _TRUE | _FALSE:
        found.add(path, f'expected "true" or "false", got "{text[:80]}": the policy is enforced', Severity.WARNING)
    if text not in _TRUE:
        return False
    if policy.spec.action in (AuthorizationAction.ALLOW, AuthorizationAction.DENY):
        return True
    found.add(path, f"action {policy.spec.action} has no dry run: the policy is enforced", Severity.WARNING)
    return False


def _rule(rule: Rule, path: Path, namespace: str, found: _Faults) -> CheckedRule:
    conditions = [
        clause
        for index, condition in enumerate(rule.when)
        for clause in _condition(condition, (*path, "when", index), namespace, found)
    ]
    who = tuple(each for each in conditions if each.attribute.is_source)
    what = tuple(each for each in conditions if not each.attribute.is_source)
    sources, operations = [], []
    for index, source in enumerate(rule.from_):
        at: Path = (*path, "from", index, "source")
        clauses = tuple(_source(source.source, at, namespace, found)) if source.source is not None else ()
        if not clauses:
            found.add(at, "expected a source with at least one field, got none")
        sources.append((*clauses, *who))
    for index, operation in enumerate(rule.to):
        at = (*path, "to", index, "operation")
        clauses = (
            tuple(_operation(operation.operation, at, namespace, found)) if operation.operation is not None else ()
        )
        if not clauses:
            found.add(at, "expected an operation with at least one field, got none")
        operations.append((*clauses, *what))
    return CheckedRule(tuple(sources) or (who,), tuple(operations) or (what,))


def _source(source: Source, path: Path, namespace: str, found: _Faults) -> Iterator[Clause]:
    # the order of fields is that of the filter's clauses
    fields = (
        (Attribute.PRINCIPAL, "principals", source.principals, source.not_principals),
        (Attribute.REQUEST_PRINCIPAL, "requestPrincipals", source.request_principals, source.not_request_principals),
        (Attribute.SERVICE_ACCOUNT, "serviceAccounts", source.service_accounts, source.not_service_accounts),
        (Attribute.NAMESPACE, "namespaces", source.namespaces, source.not_namespaces),
        (Attribute.REMOTE_IP, "remoteIpBlocks", source.remote_ip_blocks, source.not_remote_ip_blocks),
        (Attribute.SOURCE_IP, "ipBlocks", source.ip_blocks, source.not_ip_blocks),
    )
    yield from _fields(fields, path, namespace, found)


def _operation(operation: Operation, path: Path, namespace: str, found: _Faults) -> Iterator[Clause]:
    fields = (
        (Attribute.HOST, "hosts", operation.hosts, operation.not_hosts),
        (Attribute.METHOD, "methods", operation.methods, operation.not_methods),
        (Attribute.PATH, "paths", operation.paths, operation.not_paths),
        (Attribute.PORT, "ports", operation.ports, operation.not_ports),
    )
    yield from _fields(fields, path, namespace, found)


_Fields = tuple[tuple[Attribute, str, tuple[str, ...], tuple[str, ...]], ...]


def _fields(fields: _Fields, path: Path, namespace: str, found: _Faults) -> Iterator[Clause]:
    for attribute, name, wanted, unwanted in fields:
        if wanted:
            yield Clause(attribute, _values(attribute, wanted, (*path, name), namespace, found))
        if unwanted:
            negative = f"not{name[0].upper()}{name[1:]}"
            yield Clause(attribute, _values(attribute, unwanted, (*path, negative), namespace, found), negated=True)


def _condition(condition: Condition, path: Path, namespace: str, found: _Faults) -> Iterator[Clause]:
    known = values.parse_key(condition.key)
    if known is None:
        found.add((*path, "key"), f'unknown condition "{condition.key[:80]}"')
        return
    attribute, way = known
    if not condition.values and not condition.not_values:
        found.add(path, "expected values or notValues, got neither")
    if condition.values:
        yield Clause(attribute, _values(attribute, condition.values, (*path, "values"), namespace, found), path=way)
    if condition.not_values:
        unwanted = _values(attribute, condition.not_values, (*path, "notValues"), namespace, found)
        yield Clause(attribute, unwanted, negated=True, path=way)


def _values(
    attribute: Attribute, given: tuple[str, ...], path: Path, namespace: str, found: _Faults
) -> tuple[str, ...]:
    """The values in the one form that each has; those that have none are mistakes."""
    parse: Callable[[str, str], str] = values.PARSERS.get(attribute, values.parse_text)
    read = []
    for index, text in enumerate(given):
        try:
            read.append(parse(text, namespace))
        except ValueError as error:
            found.add((*path, index), str(error))
    return tuple(read)
