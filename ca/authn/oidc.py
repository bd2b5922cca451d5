"""Callers by a token of an OpenID Connect issuer whose keys we know (JWT_RULE, or the cluster's own issuer).

Comes in: a `Call` with a bearer token. Goes out: a `Caller` with one SPIFFE id of the mesh's own trust domain. Nothing
is fetched for a call: see `ca.authn.key_sets`.

Source: CA behaviour 1.2 "OIDC".
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ca.authn import signed_token
from ca.authn.caller import BoundPod, Call, Caller
from ca.authn.key_sets import KeyCache
from ca.authn.verified import VerifiedTokens
from ca.errors import CredentialError
from ca.spiffe import SpiffeId, TrustDomain


@dataclass(frozen=True, slots=True)
class JwtRule:
    """Whose tokens are believed."""

    issuer: str
    audiences: tuple[str, ...]
    keys_url: str = ""
    """Found by discovery where it is empty."""


def parse_rule(text: str) -> JwtRule:
    """JWT_RULE: JSON with `issuer`, `audiences`, and perhaps `jwks_uri` (or `jwksUri`). Raises: ValueError."""
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError("expected JSON") from error
    if not isinstance(found, dict):
        raise ValueError("expected a JSON object")
    issuer, audiences = found.get("issuer"), found.get("audiences", [])
    url = found.get("jwks_uri") or found.get("jwksUri") or ""
    if not isinstance(issuer, str) or not issuer or not isinstance(url, str):
        raise ValueError("expected an issuer, and perhaps jwks_uri, as text")
    if not isinstance(audiences, list) or not audiences or not all(isinstance(each, str) for each in audiences):
        raise ValueError("expected a list of audiences")
    return JwtRule(issuer, tuple(audiences), url)


class OidcAuthenticator:
    """Believes the tokens of one issuer."""

    name = "IDTokenAuthenticator"

    def __init__(self, rule: JwtRule, keys: KeyCache, trust_domain: TrustDomain, clock: Callable[[], datetime]) -> None:
        self._rule = rule
        self._keys = keys
        self._trust_domain = trust_domain
        self._clock = clock
        self._verified = VerifiedTokens()
        self._generation = keys.generation

    async def authenticate(self, call: Call) -> Caller:
        """One identity. Raises: CredentialError."""
        if call.bearer is None:
            raise CredentialError("no bearer token")
        token, now = call.bearer.reveal(), self._clock()
        if self._generation != self._keys.generation:
            self._generation = self._keys.generation
            self._verified.forget()
        known = self._verified.find(token, "", now)
        if known is not None:
            return known
        key = await self._keys.find(signed_token.decode_header(token).key_id)
        rule = self._rule
        claims = signed_token.verify(token, key, issuer=rule.issuer, audiences=rule.audiences, now=now)
        who = signed_token.parse_subject(claims["sub"], self._trust_domain)
        caller = Caller((str(who),), self.name, bound_pod(claims, who))
        self._verified.remember(token, "", caller, claims["exp"], now)
        return caller


def bound_pod(claims: dict[str, Any], who: SpiffeId) -> BoundPod | None:
    """The pod that Kubernetes made a token for, as its claims name it; None for other tokens."""
    match claims.get("kubernetes.io"):
        case {"pod": {"name": str(name), "uid": str(uid)}}:
            return BoundPod(who.namespace, who.service_account, name, uid)
        case _:
            return None
