"""Bundles of other trust domains: what is taken, and that nothing breaks on the rest."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from ca.errors import BundleError
from ca.spiffe_bundle import decode_bundle
from tests.ca.makers import ec_key, make_root

ROOT = make_root(ec_key())
DER = base64.b64encode(ROOT.certificate.public_bytes(Encoding.DER)).decode()


def key(**values: Any) -> dict[str, Any]:
    return {"kty": "EC", "use": "x509-svid", "x5c": [DER]} | values


def body(*keys: Any) -> bytes:
    return json.dumps({"keys": keys, "spiffe_sequence": 1}).encode()


def test_certificates_of_svid_keys_are_taken_and_others_left_out() -> None:
    assert decode_bundle(body(key(use="jwt-svid", x5c=[]), key(), "x")) == (ROOT.roots,)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        body(),
        body(key(use="jwt-svid")),
        body(key(x5c=[])),
        body(key(x5c=[DER, DER])),
        body(key(x5c=["!"])),
        body(key(x5c=[base64.b64encode(b"no certificate").decode()])),
        body(key(x5c=[7])),
        body(*([key()] * 101)),
    ],
)
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(BundleError, match="trust bundle"):
        decode_bundle(content)


@given(st.binary(max_size=300))
def test_garbage_is_refused_and_nothing_else_happens(content: bytes) -> None:
    with pytest.raises(BundleError):
        decode_bundle(content)
