"""RequestAuthentication: which tokens of end users are known.

In: a decoded object. Out: findings. What becomes of a rule that Envoy would not take is in `model/jwt_rules.py`.
Source: CA behaviour 5.4 (RequestAuthentication).
"""

import json
from collections.abc import Mapping
from typing import Final

from pilot.model.decoding import Path, describe
from pilot.model.key_sets import is_url
from pilot.model.request_authentication import JwtRule, RequestAuthentication
from pilot.validation import forms
from pilot.validation.finding import Finding, Findings, refused_if
from pilot.validation.syntax import header_fault

_PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "RSA": ("n", "e"),
    "EC": ("crv", "x", "y"),
    "OKP": ("crv", "x"),
    "oct": ("k",),
}
"""What a key of each type cannot do without (RFC 7518)."""


def request_authentication(checked: RequestAuthentication) -> Findings:
    """Everything that is wrong with a RequestAuthentication."""
    spec = checked.spec
    yield from forms.no_dry_run(checked.metadata)
    labels = spec.selector.match_labels if spec.selector is not None else None
    yield from forms.selector(labels, ("spec", "selector", "matchLabels"))
    yield from forms.targets(spec.target_refs, spec.target_ref, spec.selector is not None)
    for index, rule in enumerate(spec.jwt_rules):
        yield from _rule(rule, ("spec", "jwtRules", index))


def _rule(rule: JwtRule, path: Path) -> Findings:
    if not (rule.issuer or rule.jwks_uri):
        yield Finding((*path, "issuer"), "expected an issuer, or keys in jwksUri, got neither")
    for name, values in (
        ("audiences", rule.audiences),
        ("fromParams", rule.from_params),
        ("fromCookies", rule.from_cookies),
        ("fromHeaders", tuple(each.name for each in rule.from_headers)),
    ):
        for index, value in enumerate(values):
            if not value:
                yield Finding((*path, name, index), "expected a name, got nothing")
    if rule.jwks_uri and not is_url(rule.jwks_uri):
        yield Finding((*path, "jwksUri"), f"expected an http or https URL, got {describe(rule.jwks_uri)}")
    if rule.jwks:
        wrong = keys_fault(rule.jwks)
        if wrong is not None:
            yield Finding((*path, "jwks"), wrong)
    for index, each in enumerate(rule.output_claim_to_headers):
        place: Path = (*path, "outputClaimToHeaders", index)
        if not (each.header and each.claim):
            yield Finding(place, "expected a header and a claim, got only one or none")
        else:
            yield from refused_if((*place, "header"), header_fault(each.header))
    yield from forms.duration(rule.timeout, (*path, "timeout"))


def keys_fault(text: str) -> str | None:
    """Why this is no JSON Web Key Set, nor one key; a set without keys is one."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return "expected a JSON Web Key Set, got something else than JSON"
    if not isinstance(value, dict):
        return f"expected a JSON Web Key Set, got {describe(value)}"
    keys = value.get("keys", [value])
    if not isinstance(keys, list):
        return f"expected a list of keys, got {describe(keys)}"
    for index, key in enumerate(keys):
        kind = key.get("kty") if isinstance(key, dict) else None
        if not isinstance(kind, str) or kind not in _PARTS:
            return f"expected kty {', '.join(_PARTS)} of key {index}, got {describe(kind)}"
        missing = [part for part in _PARTS[kind] if not isinstance(key.get(part), str)]
        if missing:
            return f"expected {', '.join(_PARTS[kind])} of the {kind} key {index}, got no {missing[0]}"
    return None
