"""Signed tokens (JWT), read strictly: one place for everything that attackers try.

Comes in: the token's text, then keys, issuer, audiences and the time. Goes out: a `Header` before anything is believed,
claims after everything was checked. The algorithm must be one that the key's kind allows: neither `none`, nor a public
key taken for a shared secret. No clock, no I/O.

Source: RFC 7519, RFC 8725 (best practices); CA behaviour 1.2 (subject, audiences).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ca.errors import CredentialError, InvalidIdError
from ca.spiffe import SpiffeId, TrustDomain

LEEWAY = timedelta(seconds=10)
"""Between clocks of machines; a token lives much longer."""
MAX_TOKEN_CHARACTERS = 16 * 1024
"""Of the kind; a projected token has about 1,000 characters."""
_LONGEST_NAME = 256
"""Of a key's name in a header; arbitrary."""

VerificationKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES = {"secp256r1": ("ES256",), "secp384r1": ("ES384",), "secp521r1": ("ES512",)}


@dataclass(frozen=True, slots=True)
class Header:
    """What a token says of its signature; nothing of it is proven."""

    algorithm: str
    key_id: str
    """Empty where it names none."""


def decode_header(token: str) -> Header:
    """Reads the header only. Raises: CredentialError; its text never holds the token."""
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise CredentialError(f"token has {len(token)} characters, expected at most {MAX_TOKEN_CHARACTERS}")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise CredentialError("token is unreadable") from error
    algorithm, key_id = header.get("alg"), header.get("kid", "")
    if not isinstance(algorithm, str) or not isinstance(key_id, str) or len(key_id) > _LONGEST_NAME:
        raise CredentialError("token header: expected an algorithm and at most the name of a key")
    return Header(algorithm, key_id)


def unproven_issuer(token: str) -> str:
    """Whom the token says it is from, to choose whom to ask; empty where it cannot be read. Proves nothing."""
    issuer = _unproven_claims(token).get("iss")
    return issuer if isinstance(issuer, str) else ""


def unproven_audience(token: str) -> str:
    """The first audience that the token says it is for; empty where it cannot be read. Proves nothing."""
    match _unproven_claims(token).get("aud"):
        case str(audience) | [str(audience), *_]:
            return audience
        case _:
            return ""


def unproven_expiry(token: str) -> float:
    """Until when the token says it is valid, seconds of Unix time; 0 where it does not say. Proves nothing."""
    expiry = _unproven_claims(token).get("exp")
    return expiry if isinstance(expiry, int | float) and abs(expiry) < 1 << 53 else 0


def _unproven_claims(token: str) -> dict[str, Any]:
    if len(token) > MAX_TOKEN_CHARACTERS:
        return {}
    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return {}
    return claims


def algorithms_of(key: VerificationKey) -> tuple[str, ...]:
    """What a key of this kind may have signed with."""
    match key:
        case rsa.RSAPublicKey():
            return _RSA
        case ec.EllipticCurvePublicKey():
            return _CURVES.get(key.curve.name, ())
        case _:
            return ("EdDSA",)


def verify(
    token: str,
    key: VerificationKey,
    *,
    issuer: str,
    audiences: Collection[str],
    now: datetime,
    required: Collection[str] = (),
) -> dict[str, Any]:
    """The claims, given that the key signed them, `issuer` issued them for one of `audiences`, and they are in force.

    `exp`, `aud`, `sub`, `iss` and what is `required` have to be there.

    Raises: CredentialError; its text never holds the token.
    """
    header = decode_header(token)
    if header.algorithm not in algorithms_of(key):
        raise CredentialError(f"token is signed with {header.algorithm[:16]!r}, which does not go with its key")
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[header.algorithm],
            audience=list(audiences),
            issuer=issuer,
            # The library has a clock of its own; times are compared with the given one.
            options={
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "require": ["aud", "exp", "iss", "sub", *required],
            },
        )
    except jwt.PyJWTError as error:
        raise CredentialError(f"token refused: {type(error).__name__}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise CredentialError("token is unreadable") from error
    _check_times(claims, now.timestamp())
    if type(claims["sub"]) is not str:
        raise CredentialError("token subject: expected text")
    return claims


def parse_subject(subject: str, trust_domain: TrustDomain) -> SpiffeId:
    """`system:serviceaccount:<namespace>:<service account>` as an identity of the mesh. Raises: CredentialError."""
    match subject.split(":"):
        case ["system", "serviceaccount", namespace, service_account]:
            pass
        case _:
            raise CredentialError("token subject: expected system:serviceaccount:<namespace>:<service account>")
    try:
        return SpiffeId(trust_domain, namespace, service_account)
    except InvalidIdError as error:
        raise CredentialError(f"token subject: {error}") from error


def _check_times(claims: dict[str, Any], now: float) -> None:
    leeway = LEEWAY.total_seconds()
    times = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
    # bool is an int; NaN compares false with everything, so it would never expire.
    if not all(type(value) in (int, float) and abs(value) < 1 << 53 for value in times.values()):
        raise CredentialError("token times: expected seconds")
    if now >= times["exp"] + leeway:
        raise CredentialError("token has expired")
    if now < max(times.get("nbf", now), times.get("iat", now)) - leeway:
        raise CredentialError("token is not valid yet")
