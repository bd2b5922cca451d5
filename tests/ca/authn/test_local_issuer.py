import base64
import hmac
import json
import re
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from ca.authn import local_issuer
from ca.authn.local_issuer import ISSUER, KEY_FILE, LocalIssuer
from ca.bundle import encode_private_key
from ca.errors import CredentialError, InvalidIdError, StateError
from ca.state_directory import StateDirectory
from tests.ca.makers import MESH, NOON, ec_key, rsa_key
from tests.shared import ROOT

AUDIENCES = ("elsewhere", "istio-ca")


class Moving:
    """A clock that tests set."""

    now = NOON

    def __call__(self) -> datetime:
        return self.now


def issuer_at(after: timedelta = timedelta(0), key: int = 0) -> LocalIssuer:
    clock = Moving()
    clock.now = NOON + after
    return LocalIssuer(ec_key(key), clock)


ISSUER_NOW = issuer_at()
TOKEN = ISSUER_NOW.issue("demo", "app")


def refusal(token: str, issuer: LocalIssuer = ISSUER_NOW) -> str:
    with pytest.raises(CredentialError) as refused:
        issuer.verify(token, AUDIENCES, MESH)
    return str(refused.value)


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def signed(key: Any = None, algorithm: str = "ES256", headers: dict[str, str] | None = None, **changes: Any) -> str:
    """A token of ours with other claims (None: left out)."""
    claims = {name: value for name, value in (claims_of(TOKEN) | changes).items() if value is not None}
    return jwt.encode(claims, ec_key() if key is None else key, algorithm=algorithm, headers=headers)


def test_token_proves_the_account_it_was_issued_for() -> None:
    assert str(ISSUER_NOW.verify(TOKEN, AUDIENCES, MESH)) == "spiffe://cluster.local/ns/demo/sa/app"


def test_token_has_the_claims_of_a_projected_one() -> None:
    claims = claims_of(TOKEN)
    begin = int(NOON.timestamp())
    assert claims.pop("jti")
    assert claims["kubernetes.io"]["serviceaccount"].pop("uid")
    assert claims == {
        "iss": ISSUER,
        "sub": "system:serviceaccount:demo:app",
        "aud": ["istio-ca"],
        "iat": begin,
        "nbf": begin,
        "exp": begin + 3600,
        "kubernetes.io": {"namespace": "demo", "serviceaccount": {"name": "app"}},
    }


def test_two_tokens_differ() -> None:
    assert claims_of(TOKEN)["jti"] != claims_of(ISSUER_NOW.issue("demo", "app"))["jti"]


@pytest.mark.parametrize(("namespace", "account"), [("a:b", "c"), ("", "a"), ("a", ""), ("a/b", "c"), ("..", "c")])
def test_account_that_no_id_can_name_gets_no_token(namespace: str, account: str) -> None:
    with pytest.raises(InvalidIdError):
        ISSUER_NOW.issue(namespace, account)


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (timedelta(hours=1, seconds=9), None),
        (timedelta(hours=1, seconds=10), "token has expired"),
        (timedelta(seconds=-10), None),
        (timedelta(seconds=-11), "token is not valid yet"),
    ],
)
def test_token_is_in_force_for_its_time_and_a_little_leeway(after: timedelta, said: str | None) -> None:
    if said is None:
        issuer_at(after).verify(TOKEN, AUDIENCES, MESH)
    else:
        assert refusal(TOKEN, issuer_at(after)) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"aud": ["other"]}, "InvalidAudienceError"),
        ({"aud": []}, "MissingRequiredClaimError|InvalidAudienceError"),
        ({"aud": None}, "MissingRequiredClaimError"),
        ({"iss": "somebody"}, "InvalidIssuerError"),
        ({"iss": None}, "Issuer|MissingRequiredClaimError"),
        ({"sub": None}, "MissingRequiredClaimError"),
        ({"exp": None}, "MissingRequiredClaimError"),
        ({"nbf": None}, "MissingRequiredClaimError"),
        ({"exp": 1e300}, "expected seconds"),
        ({"exp": "2100"}, "expected seconds|refused"),
        ({"sub": "system:serviceaccount:demo"}, "token subject"),
        ({"sub": "system:serviceaccount:demo:app:more"}, "token subject"),
        ({"sub": "system:node:demo:app"}, "token subject"),
        ({"sub": "system:serviceaccount::app"}, "token subject"),
        ({"sub": "system:serviceaccount:a/../b:app"}, "token subject"),
    ],
)
def test_token_of_ours_with_wrong_claims_is_refused(changes: dict[str, Any], said: str) -> None:
    assert re.search(said, refusal(signed(**changes)))


def test_one_of_several_audiences_is_enough() -> None:
    ISSUER_NOW.verify(signed(aud=["other", "istio-ca"]), AUDIENCES, MESH)
    ISSUER_NOW.verify(signed(aud="istio-ca"), AUDIENCES, MESH)


def test_token_of_another_key_is_refused() -> None:
    assert "InvalidSignatureError" in refusal(issuer_at(key=1).issue("demo", "app"))


def test_unsigned_token_is_refused() -> None:
    assert "does not go with its key" in refusal(signed("", "none"))


def test_public_key_is_no_shared_secret() -> None:
    """Key confusion: an HMAC over the public key, which everybody may know, must not pass for a signature."""
    public = (
        ec_key().public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    header, payload, _ = (part.encode() for part in signed(b"k" * 32, "HS256").split("."))
    forged = base64.urlsafe_b64encode(hmac.digest(public, header + b"." + payload, "sha256")).rstrip(b"=")
    assert "does not go with its key" in refusal(b".".join((header, payload, forged)).decode())


@pytest.mark.parametrize("key", [rsa_key(), ec_key(0, ec.SECP384R1)])
def test_other_algorithms_are_refused(key: Any) -> None:
    assert "does not go with its key" in refusal(signed(key, "RS256" if key is rsa_key() else "ES384"))


def test_key_in_the_header_is_not_used() -> None:
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(ec_key(1).public_key()))
    forged = signed(ec_key(1), headers={"jwk": jwk, "jku": "https://evil.example/jwks"})
    assert "InvalidSignatureError" in refusal(forged)


def test_oversized_token_is_refused_unread() -> None:
    assert "expected at most 16384" in refusal("a" * 16385)


@pytest.mark.parametrize("depth", [500, 5000])
def test_deeply_nested_header_is_refused(depth: int) -> None:
    header = base64.urlsafe_b64encode(("[" * depth + "]" * depth).encode()).decode().rstrip("=")
    assert "token" in refusal(f"{header}.e30.AA")


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    refusal(text)


@given(st.data())
def test_no_damaged_token_passes(data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(TOKEN) - 2))  # the last character has bits that mean nothing
    other = data.draw(st.sampled_from("AQgw_-.~ \u00e9"))
    damaged = TOKEN[:position] + other + TOKEN[position + 1 :]
    if damaged != TOKEN:
        refusal(damaged)


def test_refusal_never_quotes_the_token() -> None:
    assert not any(part in refusal(issuer_at(key=1).issue("demo", "app")) for part in TOKEN.split("."))


# --- the key in the state directory ---------------------------------------------------------------------------------

ISSUING = """
import pathlib, sys
from ca.authn import local_issuer
print(local_issuer.load_or_create(pathlib.Path(sys.argv[1])).issue("demo", "app"))
"""


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", ISSUING, str(tmp_path / "state")], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    tokens = [process.communicate(timeout=30)[0].strip() for process in started]
    issuer = local_issuer.load_or_create(tmp_path / "state")
    assert [str(issuer.verify(token, AUDIENCES, MESH)) for token in tokens] == [
        "spiffe://cluster.local/ns/demo/sa/app"
    ] * 4
    assert (tmp_path / "state" / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in (tmp_path / "state").iterdir()) == [".lock", KEY_FILE]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected an unencrypted PEM key"),
        (b"garbage", "expected an unencrypted PEM key"),
        (encode_private_key(rsa_key()), "expected a P-256 key"),
        (encode_private_key(ec_key(0, ec.SECP384R1)), "expected a P-256 key"),
    ],
)
def test_broken_key_is_refused_and_left_alone(tmp_path: Path, content: bytes, said: str) -> None:
    StateDirectory(tmp_path).write(KEY_FILE, content)
    with pytest.raises(StateError, match=said) as refused:
        local_issuer.load_or_create(tmp_path)
    assert str(tmp_path / KEY_FILE) in str(refused.value)
    assert (tmp_path / KEY_FILE).read_bytes() == content
