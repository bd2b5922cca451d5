"""Tokens for a mesh without Kubernetes: the state directory's own issuer, which signs and verifies them.

Whoever can read the issuer's key may speak for every workload; that is the owner of the state directory. Tokens look
like the ones that Kubernetes projects into pods, so that whatever reads those reads these: subject
`system:serviceaccount:<namespace>:<service account>`, an audience, a short life. Comes in: a state directory, then
namespaces and accounts, or tokens. Goes out: tokens, or what a token proves.

Source: CA behaviour 1.2 (shape of the subject, audiences).
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
from ca.authn import signed_token
from ca.errors import BundleError, StateError
from ca.secret import Secret
from ca.spiffe import SpiffeId, TrustDomain
from ca.state_directory import StateDirectory

KEY_FILE = "token-issuer-key.pem"
ISSUER = "meshpilot"
AUDIENCE = "istio-ca"
LIFETIME = timedelta(hours=1)

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
        self,
        namespace: str,
        service_account: str,
        lifetime: timedelta = LIFETIME,
        audience: str = AUDIENCE,
        pod: str = "",
        pod_uid: str = "",
    ) -> str:
        """A JWT for a service account. It is a credential: print it for its owner, never log it.

        `pod`: binds it to a pod, as node proxies need that ask for others; `pod_uid`: where that is not `uid_of` it.

        Raises: InvalidIdError for names that no SPIFFE id may hold.
        """
        who = SpiffeId(TrustDomain("cluster.local"), namespace, service_account)  # checks the two names
        issued = int(self._clock().timestamp())
        bound = {"pod": {"name": pod, "uid": pod_uid or uid_of(namespace, pod)}} if pod else {}
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
                **bound,
            },
        }
        return jwt.encode(claims, self._key.reveal(), algorithm=_ALGORITHM, headers={"kid": self._key_id})

    def verify(self, token: str, audiences: Collection[str], trust_domain: TrustDomain) -> SpiffeId:
        """Whom the token speaks for, given `claims`. Raises: CredentialError."""
        return signed_token.parse_subject(self.claims(token, audiences)["sub"], trust_domain)

    def claims(self, token: str, audiences: Collection[str]) -> dict[str, Any]:
        """The claims, given that we signed the token, one of its audiences is wanted, and it is in force.

        Raises: CredentialError; its text never holds the token.
        """
        now, required = self._clock(), ("iat", "nbf")
        return signed_token.verify(
            token, self._public_key, issuer=ISSUER, audiences=audiences, now=now, required=required
        )

    def _account_uid(self, who: SpiffeId) -> str:
        """Kubernetes gives every account one; ours is the same for the same account and issuer."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self._key_id}/{who.namespace}/{who.service_account}"))


def uid_of(namespace: str, pod: str) -> str:
    """The uid of a pod that has none: one that was written by hand, not made by an API server."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{namespace}/{pod}"))


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
