"""Tokens of any issuer: every trick in the book. What only the local issuer's tokens show is in test_local_issuer."""

import base64
import hmac
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from hypothesis import given
from hypothesis import strategies as st

from ca.authn import signed_token
from ca.errors import CredentialError
from tests.ca.makers import MESH, NOON, ec_key, rsa_key

ISSUER, AUDIENCE = "https://issuer.example", "istio-ca"
BEGIN = int(NOON.timestamp())
CLAIMS = {
    "iss": ISSUER,
    "sub": "system:serviceaccount:demo:app",
    "aud": [AUDIENCE],
    "iat": BEGIN,
    "nbf": BEGIN,
    "exp": BEGIN + 3600,
}


def signed(key: Any = None, algorithm: str = "RS256", headers: dict[str, Any] | None = None, **changes: Any) -> str:
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not None}
    return jwt.encode(claims, rsa_key() if key is None else key, algorithm=algorithm, headers=headers)


def verify(token: str, key: Any = None, after: timedelta = timedelta(0)) -> dict[str, Any]:
    key = rsa_key().public_key() if key is None else key
    return signed_token.verify(token, key, issuer=ISSUER, audiences=(AUDIENCE,), now=NOON + after)


ED = ed25519.Ed25519PrivateKey.from_private_bytes(b"7" * 32)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (rsa_key(), "RS256"),
        (rsa_key(), "PS512"),
        (ec_key(), "ES256"),
        (ec_key(0, ec.SECP384R1), "ES384"),
        (ec_key(0, ec.SECP521R1), "ES512"),
        (ED, "EdDSA"),
    ],
)
def test_every_kind_of_key_verifies_its_own_algorithm(key: Any, algorithm: str) -> None:
    assert verify(signed(key, algorithm), key.public_key())["sub"] == CLAIMS["sub"]


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": "other"},
        {"aud": []},
        {"aud": None},
        {"exp": None},
        {"exp": BEGIN - 11},
        {"exp": "soon"},
        {"exp": True},
        {"exp": float("inf")},
        {"nbf": BEGIN + 3600},
        {"iat": BEGIN + 3600},
        {"nbf": "x"},
        {"sub": None},
        {"sub": ["system:serviceaccount:demo:app"]},
    ],
    ids=str,
)
def test_wrong_claims_are_refused(changes: dict[str, Any]) -> None:
    try:
        token = signed(**changes)
    except (TypeError, ValueError):  # what our library does not even write
        header, _, _ = signed().split(".")
        body = base64.urlsafe_b64encode(json.dumps(CLAIMS | changes).encode()).decode().rstrip("=")
        data = f"{header}.{body}".encode()
        signature = rsa_key().sign(data, padding.PKCS1v15(), hashes.SHA256())
        token = data.decode() + "." + base64.urlsafe_b64encode(signature).decode().rstrip("=")
    with pytest.raises(CredentialError):
        verify(token)


def test_not_before_and_issued_at_may_be_missing_unless_required() -> None:
    token = signed(nbf=None, iat=None)
    verify(token)
    key = rsa_key().public_key()
    with pytest.raises(CredentialError, match="MissingRequiredClaim"):
        signed_token.verify(token, key, issuer=ISSUER, audiences=(AUDIENCE,), now=NOON, required=("nbf",))


def test_unsigned_token_is_refused() -> None:
    with pytest.raises(CredentialError, match="'none', which does not go with its key"):
        verify(signed("", "none"))


@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_public_key_is_no_shared_secret(encoding: serialization.Encoding) -> None:
    public = rsa_key().public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    header, payload, _ = (part.encode() for part in signed(b"k" * 32, "HS256").split("."))
    forged = base64.urlsafe_b64encode(hmac.digest(public, header + b"." + payload, "sha256")).rstrip(b"=")
    with pytest.raises(CredentialError, match="does not go with its key"):
        verify(b".".join((header, payload, forged)).decode())


def test_algorithm_of_another_kind_of_key_is_refused() -> None:
    with pytest.raises(CredentialError, match="does not go with its key"):
        verify(signed(ec_key(), "ES256"))
    with pytest.raises(CredentialError, match="does not go with its key"):
        verify(signed(), ec_key().public_key())


@pytest.mark.parametrize("headers", [{"kid": 7}, {"kid": "k" * 257}, {"kid": ["a"]}], ids=str)
def test_name_of_a_key_is_short_text(headers: dict[str, Any]) -> None:
    part = base64.urlsafe_b64encode(json.dumps({"alg": "RS256"} | headers).encode()).decode().rstrip("=")
    with pytest.raises(CredentialError):
        signed_token.decode_header(part + ".e30.AA")


def test_oversized_token_is_refused_unread() -> None:
    with pytest.raises(CredentialError, match="expected at most 16384"):
        signed_token.decode_header("a" * 16385)
    assert signed_token.unproven_issuer("a" * 16385) == ""


def test_issuer_is_read_before_anything_is_proven() -> None:
    assert signed_token.unproven_issuer(signed()) == ISSUER
    assert signed_token.unproven_issuer(signed(iss=None)) == ""
    assert signed_token.unproven_issuer("a.b.c") == ""


@given(st.text(max_size=300) | st.binary(max_size=200).map(lambda b: base64.urlsafe_b64encode(b).decode() + ".e30.AA"))
def test_no_text_breaks_the_reader(text: str) -> None:
    signed_token.unproven_issuer(text)
    with pytest.raises(CredentialError):
        verify(text)


@given(st.text(max_size=60))
def test_no_subject_breaks_the_parser(text: str) -> None:
    try:
        found = signed_token.parse_subject(f"system:serviceaccount:{text}", MESH)
    except CredentialError:
        return
    assert text == f"{found.namespace}:{found.service_account}"
