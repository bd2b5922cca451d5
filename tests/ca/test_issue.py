"""One certificate from a text: what no text, name or lifetime may lead to. The recorded answers are in test_service."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ca import issue
from ca.authn.local_issuer import utc_now
from ca.bundle import decode_bundle, encode_certificate, encode_private_key
from ca.errors import CsrError, LifetimeError
from ca.template import LifetimePolicy
from tests.ca.makers import APP, NOON, ec_key, make_csr, make_intermediate, make_root, rsa_key, split

EC_CSR = make_csr(ec_key())


def test_plugged_in_chain_comes_between_leaf_and_roots() -> None:
    now = utc_now()
    root = make_root(rsa_key(), NOON)
    intermediate = make_intermediate(root, rsa_key(1), lifetime=timedelta(days=3650))
    chain = encode_certificate(intermediate) + root.roots
    plugged = decode_bundle(
        encode_certificate(intermediate).encode(),
        encode_private_key(rsa_key(1)),
        chain.encode(),
        root.roots.encode(),
        now=max(now, NOON),
    )
    items = issue.issue(plugged, LifetimePolicy(), EC_CSR, (APP,), 0, now=max(now, NOON), serial=5)
    assert [len(split(item)) for item in items] == [1, 1, 1, 1]
    assert items[1:] == [encode_certificate(intermediate), root.roots, root.roots]


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda b: f"-----BEGIN X-----\n{b.hex()}\n-----END X-----"))
@settings(max_examples=200, deadline=None)
def test_no_text_is_signed_by_accident(text: str) -> None:
    with pytest.raises(CsrError):
        issue.issue(make_root(rsa_key()), LifetimePolicy(), text, (APP,), 0, now=NOON, serial=5)


@given(st.integers(min_value=1 + 2160 * 3600, max_value=2**63 - 1))
@settings(max_examples=50, deadline=None)
def test_no_lifetime_above_the_maximum_is_granted(seconds: int) -> None:
    with pytest.raises(LifetimeError):
        issue.issue(make_root(rsa_key()), LifetimePolicy(), EC_CSR, (APP,), seconds, now=NOON, serial=5)
