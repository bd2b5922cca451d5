"""Our frame around a certificate against the library's own, byte by byte."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from ca import signer, tbs, template
from ca.signer import PrivateKey
from ca.template import Template
from tests.ca.makers import APP, NOON, ec_key, make_root, rsa_key

ROOT = make_root(rsa_key())
LEAF = template.build_leaf(
    ec_key().public_key(), (APP,), timedelta(hours=1), ROOT.issuer, wants_common_name=True, now=NOON, serial=42
)
TIMES = st.integers(-631152000, 3471292800).map(
    lambda seconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
ODD = (
    x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("2.999.1.840.113549.16384"), None)]),
    x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.128.16383.16384"), b"\x05\x00" * 200),
    x509.OCSPNoCheck(),
)


def built(meant: Template, key: PrivateKey) -> x509.Certificate:
    """By the library."""
    builder = (
        x509.CertificateBuilder()
        .issuer_name(meant.issuer)
        .subject_name(meant.subject)
        .public_key(meant.public_key)
        .serial_number(meant.serial)
        .not_valid_before(meant.not_before)
        .not_valid_after(meant.not_after)
    )
    for extension, critical in meant.extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(key, signer.hash_for(key))


@given(
    serial=st.integers(1, 2**159 - 1),
    times=st.lists(TIMES, min_size=2, max_size=2).map(sorted),
    identities=st.lists(
        st.from_regex(r"spiffe://[a-z.]{1,40}/[a-z/]{0,200}|[a-z.]{1,60}|10\.[0-9]\.1\.2", fullmatch=True),
        min_size=1,
        max_size=6,
    ),
    more=st.lists(st.sampled_from(ODD), unique_by=id),
    name=st.text(max_size=64),
)
@settings(max_examples=150, deadline=None)
def test_every_certificate_is_the_one_that_the_library_would_have_made(
    serial: int, times: list[datetime], identities: list[str], more: list[x509.ExtensionType], name: str
) -> None:
    meant = replace(
        template.build_leaf(
            rsa_key(1).public_key() if serial % 2 else ec_key().public_key(),
            tuple(identities),
            timedelta(hours=1),
            ROOT.issuer,
            wants_common_name=bool(serial % 3),
            now=NOON,
            serial=serial,
        ),
        not_before=times[0],
        not_after=times[1],
    )
    meant = replace(meant, extensions=(*meant.extensions, *((each, bool(serial % 2)) for each in more)))
    if name:
        meant = replace(meant, subject=x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, name)]))
    found = signer.sign(meant, rsa_key())
    assert found.public_bytes(Encoding.DER) == built(meant, rsa_key()).public_bytes(Encoding.DER)


@pytest.mark.parametrize("curve", [ec.SECP256R1, ec.SECP384R1, ec.SECP521R1])
def test_what_a_curve_signs_is_the_same_too(curve: type[ec.EllipticCurve]) -> None:
    key = ec_key(0, curve)
    ours, theirs = signer.sign(LEAF, key), built(LEAF, key)
    assert ours.tbs_certificate_bytes == theirs.tbs_certificate_bytes
    assert ours.signature_algorithm_oid == theirs.signature_algorithm_oid
    key.public_key().verify(ours.signature, ours.tbs_certificate_bytes, ec.ECDSA(signer.hash_for(key)))


def test_roots_are_the_same() -> None:
    meant = template.build_root("cluster.local", rsa_key().public_key(), timedelta(days=40000), now=NOON, serial=7)
    ours, theirs = signer.sign(meant, rsa_key()), built(meant, rsa_key())
    assert ours.public_bytes(Encoding.DER) == theirs.public_bytes(Encoding.DER)


def test_certificate_without_extensions_has_no_empty_list_of_them() -> None:
    meant = replace(LEAF, extensions=())
    ours, theirs = signer.sign(meant, rsa_key()), built(meant, rsa_key())
    assert ours.public_bytes(Encoding.DER) == theirs.public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(LEAF, serial=0),
        replace(LEAF, serial=-1),
        replace(LEAF, serial=2**159),
        replace(LEAF, not_after=LEAF.not_before - timedelta(seconds=1)),
        replace(LEAF, not_before=datetime(1949, 12, 31, tzinfo=UTC)),
    ],
)
def test_what_no_certificate_may_say_is_refused(wrong: Template) -> None:
    with pytest.raises(ValueError, match="expected"):
        tbs.encode(wrong, b"")
