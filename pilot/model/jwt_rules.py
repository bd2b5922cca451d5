"""What a RequestAuthentication says, checked: rules that Envoy takes whole, and what had to be left out.

In: a decoded RequestAuthentication, keys that were fetched. Out: an `Authentication`, and for each of its rules the
keys. A rule with a mistake has keys that refuse every token of its issuer. Source: xDS behaviour 7.6.
"""

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from pilot.memo import memoized
from pilot.model.decoding import Fault, Path, path_text
from pilot.model.key_sets import DISCOVERY, UNUSABLE, KeySets, KeySource, is_url, key_set_error
from pilot.model.objects import ObjectKey
from pilot.model.policy_attachment import Attachment
from pilot.model.problem import Problem, Severity
from pilot.model.request_authentication import ClaimToHeader, JwtHeader, JwtRule, RequestAuthentication

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[^\x00\r\n]*")


@dataclass(frozen=True, slots=True)
class CheckedRule:
    """Tokens of one issuer. `keys` are given, or are to be had from `source`; one of them is."""

    rule: JwtRule
    """Without what Envoy would refuse."""
    keys: str = ""
    source: KeySource | None = None


@dataclass(frozen=True, slots=True)
class Authentication:
    """A policy that was checked."""

    key: ObjectKey
    created: str
    attachment: Attachment
    rules: tuple[CheckedRule, ...]
    problems: tuple[Problem, ...] = ()


@memoized(size=16_384)
def check(policy: RequestAuthentication) -> Authentication:
    """The policy, checked; the same object for the same policy."""
    faults: list[Fault] = []
    rules = tuple(
        _check_rule(rule, ("spec", "jwtRules", index), faults) for index, rule in enumerate(policy.spec.jwt_rules)
    )
    return Authentication(
        key=policy.key,
        created=policy.created,
        attachment=Attachment.of(policy.namespace, policy.spec),
        rules=rules,
        problems=tuple(Problem(each.message, policy.key, field=path_text(each.path)) for each in faults),
    )


def _check_rule(rule: JwtRule, path: Path, faults: list[Fault]) -> CheckedRule:
    clean = replace(
        rule,
        from_headers=tuple(each for each in rule.from_headers if _is_location(each)),
        from_params=tuple(filter(None, rule.from_params)),
        from_cookies=tuple(filter(None, rule.from_cookies)),
        output_claim_to_headers=tuple(each for each in rule.output_claim_to_headers if _is_output(each)),
        output_payload_to_header=rule.output_payload_to_header if _is_header(rule.output_payload_to_header) else "",
        audiences=tuple(filter(None, rule.audiences)),
        space_delimited_claims=tuple(filter(None, rule.space_delimited_claims)),
    )
    wrong = [
        Fault((*path, *where), f"{message}: every token of the issuer is refused") for where, message in _faults(rule)
    ]
    if wrong:
        faults.extend(wrong)
        return CheckedRule(clean, UNUSABLE)
    if rule.jwks:
        return CheckedRule(clean, rule.jwks)
    return CheckedRule(clean, source=source_of(rule))


def source_of(rule: JwtRule) -> KeySource:
    """Where the keys of a rule without keys are."""
    if rule.jwks_uri:
        return KeySource(rule.jwks_uri)
    return KeySource(rule.issuer.rstrip("/") + DISCOVERY, is_discovery=True)


def _faults(rule: JwtRule) -> Iterator[tuple[Path, str]]:
    for index, header in enumerate(rule.from_headers):
        if not _is_location(header):
            yield ("fromHeaders", index), f'expected the name of a header, got "{header.name[:80]}"'
    for name, texts in (("fromParams", rule.from_params), ("fromCookies", rule.from_cookies)):
        for index, text in enumerate(texts):
            if not text:
                yield (name, index), "expected a name, got nothing"
    for index, audience in enumerate(rule.audiences):
        if not audience:
            yield ("audiences", index), "expected an audience, got nothing"
    for index, output in enumerate(rule.output_claim_to_headers):
        if not _is_output(output):
            yield ("outputClaimToHeaders", index), "expected the name of a header and a claim"
    if rule.output_payload_to_header and not _is_header(rule.output_payload_to_header):
        yield ("outputPayloadToHeader",), f'expected the name of a header, got "{rule.output_payload_to_header[:80]}"'
    if rule.jwks:
        error = key_set_error(rule.jwks)
        if error is not None:
            yield ("jwks",), error
    elif not is_url(rule.jwks_uri or rule.issuer):
        field = "jwksUri" if rule.jwks_uri else "issuer"
        yield (field,), f'expected an http or https URL to have keys from, got "{(rule.jwks_uri or rule.issuer)[:80]}"'


def _is_header(name: str) -> bool:
    return _HEADER_NAME.fullmatch(name) is not None


def _is_location(header: JwtHeader) -> bool:
    return _is_header(header.name) and _HEADER_VALUE.fullmatch(header.prefix) is not None


def _is_output(output: ClaimToHeader) -> bool:
    return _is_header(output.header) and bool(output.claim)


def keys_of(rule: CheckedRule, known: KeySets) -> str:
    """The keys by which tokens are checked; unusable ones as long as there are no others."""
    if rule.source is None:
        return rule.keys
    return known.keys.get(rule.source.name, UNUSABLE)


def missing_keys(policy: Authentication, known: KeySets, wanted: Container[KeySource]) -> Iterator[Problem]:
    """A problem for each rule whose keys are `wanted` and not to be had."""
    for index, rule in enumerate(policy.rules):
        if rule.source is None or rule.source not in wanted:
            continue
        url, failure = rule.source.url, known.failures.get(rule.source.name, "")
        place = f"spec.jwtRules[{index}]"
        if rule.source.name not in known.keys:
            reason = f"cannot be had: {failure}" if failure else "are not here yet"
            message = f"keys at {url[:200]} {reason}; every token of the issuer is refused"
            severity = Severity.ERROR if failure else Severity.WARNING
            yield Problem(message, policy.key, field=place, severity=severity)
        elif failure:
            message = f"keys at {url[:200]} cannot be had: {failure}; the last ones stay in use"
            yield Problem(message, policy.key, field=place, severity=Severity.WARNING)
