from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ca import bundle
from ca.bundle import encode_certificate, encode_private_key
from ca.errors import BundleError
from tests.ca.makers import NOON, YEARS, ec_key, make_intermediate, make_leaf, make_root, rsa_key, split

ROOT = make_root(rsa_key())
KEY = encode_private_key(rsa_key())
BELOW = make_intermediate(ROOT, ec_key(1), "Below")
BELOW_KEY = encode_private_key(ec_key(1))


def decode(
    certificate: str = ROOT.roots,
    key: bytes = KEY,
    chain: str = "",
    roots: str = ROOT.roots,
    after: timedelta = timedelta(0),
) -> bundle.Bundle:
    return bundle.decode_bundle(certificate.encode(), key, chain.encode(), roots.encode(), now=NOON + after)


def test_self_signed_root_answers_with_leaf_and_root() -> None:
    leaf = make_leaf(ROOT, ec_key().public_key())
    assert decode().response(leaf) == [encode_certificate(leaf), ROOT.roots]


def test_several_roots_are_one_item() -> None:
    other = make_root(ec_key(), name="other.domain")
    made = decode(roots=f"a comment\n{ROOT.roots}\n\n{other.roots}")
    assert made.response(made.certificate)[-1] == ROOT.roots + other.roots
    assert len(made.root_certificates) == 2


def test_chain_is_one_item_for_each_certificate() -> None:
    pem = encode_certificate(BELOW)
    made = decode(pem, BELOW_KEY, pem + ROOT.roots)
    assert made.response(made.certificate)[1:] == [pem, ROOT.roots, ROOT.roots]
    assert made.issuer.not_after == NOON + timedelta(days=30)


def test_intermediate_without_key_identifier_gets_the_one_of_its_key() -> None:
    made = decode(encode_certificate(BELOW), BELOW_KEY)
    leaf = make_leaf(made, ec_key().public_key())
    leaf.verify_directly_issued_by(BELOW)
    assert made.issuer.key_identifier.key_identifier is not None


def test_intermediate_may_itself_be_the_root_that_is_trusted() -> None:
    pem = encode_certificate(BELOW)
    assert decode(pem, BELOW_KEY, roots=pem).roots == pem


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"certificate": ""}, "signing certificate: expected a PEM certificate, got 0 bytes"),
        ({"certificate": ROOT.roots.replace("M", "*", 1)}, "signing certificate"),
        ({"certificate": ROOT.roots[:200]}, "signing certificate"),
        ({"key": b""}, "private key: expected an unencrypted PEM key, got 0 unreadable bytes"),
        ({"key": KEY[: len(KEY) // 2]}, "private key"),
        ({"key": encode_private_key(rsa_key(1))}, "expected a pair"),
        ({"roots": ""}, "root certificates"),
        ({"roots": make_root(rsa_key(1)).roots}, "no path to a root"),
        ({"chain": "garbage"}, "certificate chain"),
        ({"after": YEARS}, "expected it to be valid at"),
        ({"after": timedelta(seconds=-1)}, "expected it to be valid at"),
    ],
)
def test_broken_part_is_named(change: dict[str, object], said: str) -> None:
    with pytest.raises(BundleError, match=said):
        decode(**change)  # type: ignore[arg-type]


def test_leaf_cannot_sign() -> None:
    pem = encode_certificate(make_leaf(ROOT, ec_key(2).public_key()))
    with pytest.raises(BundleError, match="expected a CA certificate"):
        decode(pem, encode_private_key(ec_key(2)))


def test_expired_link_of_the_chain_is_refused() -> None:
    short = make_intermediate(ROOT, ec_key(3), "Short", timedelta(hours=1))
    middle = bundle.decode_bundle(
        encode_certificate(short).encode(), encode_private_key(ec_key(3)), b"", ROOT.roots.encode(), now=NOON
    )
    lowest = encode_certificate(make_intermediate(middle, ec_key(4), "Lowest"))
    chain = encode_certificate(short)
    assert decode(lowest, encode_private_key(ec_key(4)), chain).chain == (chain,)
    with pytest.raises(BundleError, match="certificate chain CN=Short"):
        decode(lowest, encode_private_key(ec_key(4)), chain, after=timedelta(hours=2))


def test_key_of_another_kind_is_refused() -> None:
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(BundleError, match="expected RSA or EC"):
        bundle.decode_private_key(pem)


def test_key_never_shows_in_text() -> None:
    assert "PRIVATE" not in repr(decode())
    assert "<redacted>" in repr(decode())
    with pytest.raises(BundleError) as refused:
        bundle.decode_private_key(KEY.replace(b"\n", b"!", 3))
    assert KEY.split(b"\n")[5].decode() not in str(refused.value)


def test_certificates_are_found_between_comments() -> None:
    text = f"# first\n{ROOT.roots}# second\r\n{encode_certificate(BELOW)}"
    assert bundle.decode_certificates(text.encode(), "roots") == (*split(ROOT.roots), BELOW)
