"""Tokens for a mesh without Kubernetes: the state directory's own issuer, which signs and verifies them.

Whoever can read the issuer's key may speak for every workload; that is the owner of the state directory. Tokens look
like the ones that Kubernetes projects into pods, so that whatever reads those reads these: subject
`system:serviceaccount:<namespace>:<service account>`, an audience, a short life. Comes in: a state directory, then
namespaces and accounts, or tokens. Goes out: tokens, or the SPIFFE id that a token proves.

Source: spec/ca-webhook-kube.md 1.2 (shape of the subject, audiences).
"""

import base64
import hashlib
import uuid
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ca import bundle
from ca.errors import BundleError, CredentialError, InvalidIdError, StateError
from ca.secret import Secret
from ca.spiffe import SpiffeId, TrustDomain
from ca.state_directory import StateDirectory

KEY_FILE = "token-issuer-key.pem"
ISSUER = "meshpilot"
AUDIENCE = "istio-ca"
LIFETIME = timedelta(hours=1)
LEEWAY = timedelta(seconds=10)
"""Between clocks of the machines that share a mesh; a token lives much longer."""
MAX_TOKEN_CHARACTERS = 16 * 1024
"""Of the kind; ours are about 600 characters."""

_ALGORITHM = "ES256"
_SUBJECT = "system:serviceaccount"


def utc_now() -> datetime:
    """The clock that an issuer has unless another is given."""
    return datetime.now(UTC)


class LocalIssuer:
    """Signs tokens with one P-256 key, and accepts only what that key signed."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, clock: Callable[[], datetime] = utc_now) -> None:
        self._key = Secret(key)
        self._public_key = key.public_key()
        self._key_id = _thumbprint(self._public_key)
        self._clock = clock

    def issue(
        self, namespace: str, service_account: str, lifetime: timedelta = LIFETIME, audience: str = AUDIENCE
    ) -> str:
        """A JWT for a service account. It is a credential: print it for its owner, never log it.

        Raises: InvalidIdError for names that no SPIFFE id may hold.
        """
        who = SpiffeId(TrustDomain("cluster.local"), namespace, service_account)  # checks the two names
        issued = int(self._clock().timestamp())
        claims = {
            "iss": ISSUER,
            "sub": f"{_SUBJECT}:{who.namespace}:{who.service_account}",
            "aud": [audience],
            "iat": issued,
            "nbf": issued,
            "exp": issued + int(lifetime.total_seconds()),
            "jti": str(uuid.uuid4()),
            "kubernetes.io": {
                "namespace": who.namespace,
                "serviceaccount": {"name": who.service_account, "uid": self._account_uid(who)},
            },
        }
        return jwt.encode(claims, self._key.reveal(), algorithm=_ALGORITHM, headers={"kid": self._key_id})

    def verify(self, token: str, audiences: Collection[str], trust_domain: TrustDomain) -> SpiffeId:
        """Whom the token speaks for, given that we signed it, one of its audiences is wanted, and it is in force.

        Raises: CredentialError; its text never holds the token.
        """
        claims = self._decode(token, audiences)
        now = self._clock().timestamp()
        leeway = LEEWAY.total_seconds()
        if now >= claims["exp"] + leeway:
            raise CredentialError("token has expired")
        if now < max(claims["nbf"], claims["iat"]) - leeway:
            raise CredentialError("token is not valid yet")
        match claims["sub"].split(":"):
            case ["system", "serviceaccount", namespace, service_account]:
                pass
            case _:
                raise CredentialError(f"token subject: expected {_SUBJECT}:<namespace>:<service account>")
        try:
            return SpiffeId(trust_domain, namespace, service_account)
        except InvalidIdError as error:
            raise CredentialError(f"token subject: {error}") from error

    def _decode(self, token: str, audiences: Collection[str]) -> dict[str, Any]:
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise CredentialError(f"token has {len(token)} characters, expected at most {MAX_TOKEN_CHARACTERS}")
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._public_key,
                algorithms=[_ALGORITHM],
                audience=list(audiences),
                issuer=ISSUER,
                # The library has a clock of its own; times are compared with the injected one.
                options={
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "require": ["aud", "exp", "iat", "nbf", "sub"],
                },
            )
        except jwt.PyJWTError as error:
            raise CredentialError(f"token refused: {type(error).__name__}") from error
        except (ValueError, TypeError, RecursionError) as error:
            raise CredentialError("token is unreadable") from error
        if not all(type(claims[name]) is int for name in ("exp", "iat", "nbf")) or type(claims["sub"]) is not str:
            raise CredentialError("token claims: expected whole seconds and a subject")
        return claims

    def _account_uid(self, who: SpiffeId) -> str:
        """Kubernetes gives every account one; ours is the same for the same account and issuer."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self._key_id}/{who.namespace}/{who.service_account}"))


def load_or_create(state_directory: Path, clock: Callable[[], datetime] = utc_now) -> LocalIssuer:
    """The issuer of a state directory; whoever comes first, server or command line, makes its key.

    Raises: StateError.
    """
    state = StateDirectory(state_directory)
    with state.lock():
        pem = state.read_private(KEY_FILE)
        if pem is None:
            pem = bundle.encode_private_key(ec.generate_private_key(ec.SECP256R1()))
            state.write(KEY_FILE, pem)
    try:
        key = bundle.decode_private_key(pem)
    except BundleError as error:
        raise StateError(f"{state_directory / KEY_FILE}: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise StateError(f"{state_directory / KEY_FILE}: expected a P-256 key, got another kind")
    return LocalIssuer(key, clock)


def _thumbprint(key: ec.EllipticCurvePublicKey) -> str:
    """A name for the key that follows from the key."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")
