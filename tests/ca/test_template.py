from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from ca import template
from ca.errors import GenerationError, LifetimeError
from ca.template import LifetimePolicy, Template
from tests.ca.makers import APP, NOON, ec_key, make_root, rsa_key

HOUR = timedelta(hours=1)
ROOT = make_root(rsa_key())


def leaf(
    identities: tuple[str, ...] = (APP,),
    lifetime: timedelta = HOUR,
    wants_common_name: bool = False,
    after: timedelta = timedelta(0),
) -> Template:
    return template.build_leaf(
        ec_key().public_key(),
        identities,
        lifetime,
        ROOT.issuer,
        wants_common_name=wants_common_name,
        now=NOON + after,
        serial=42,
    )


def test_leaf_is_the_whole_recorded_certificate() -> None:
    assert leaf() == Template(
        subject=x509.Name([]),
        issuer=x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "cluster.local")]),
        public_key=ec_key().public_key(),
        serial=42,
        not_before=NOON - timedelta(minutes=2),
        not_after=NOON + HOUR,
        extensions=(
            (
                x509.KeyUsage(
                    digital_signature=True,
                    key_encipherment=True,
                    content_commitment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    key_cert_sign=False,
                    crl_sign=False,
                    encipher_only=False,
                    decipher_only=False,
                ),
                True,
            ),
            (
                x509.ExtendedKeyUsage(
                    [x509.ObjectIdentifier("1.3.6.1.5.5.7.3.1"), x509.ObjectIdentifier("1.3.6.1.5.5.7.3.2")]
                ),
                False,
            ),
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(rsa_key().public_key()), False),
            (x509.SubjectAlternativeName([x509.UniformResourceIdentifier(APP)]), True),
        ),
    )


def test_common_name_is_the_first_identity() -> None:
    name = leaf((APP, "other"), wants_common_name=True).subject
    assert name == x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, APP)])


@pytest.mark.parametrize(("length", "kept"), [(64, True), (65, False)])
def test_common_name_longer_than_its_limit_is_left_out(length: int, kept: bool) -> None:
    subject = leaf(("n" * length,), wants_common_name=True).subject
    assert bool(list(subject)) is kept


def test_names_become_what_they_look_like() -> None:
    names = template.subject_alternative_names((APP, "istiod.istio-system.svc", "10.0.0.1", "2001:db8::1"))
    assert [type(name).__name__ for name in names] == [
        "UniformResourceIdentifier",
        "DNSName",
        "IPAddress",
        "IPAddress",
    ]


def test_name_that_is_not_ascii_is_refused() -> None:
    with pytest.raises(GenerationError):
        leaf(("bücher.example",))


def test_nobody_gets_no_certificate() -> None:
    with pytest.raises(GenerationError):
        leaf(())


@pytest.mark.parametrize("requested", [0, -1, -(2**63)])
def test_zero_or_less_means_the_default(requested: int) -> None:
    assert template.choose_lifetime(requested, LifetimePolicy()) == timedelta(hours=24)


def test_maximum_is_granted_and_one_second_more_is_not() -> None:
    policy = LifetimePolicy(maximum=timedelta(minutes=90))
    assert template.choose_lifetime(5400, policy) == timedelta(minutes=90)
    with pytest.raises(LifetimeError) as refused:
        template.choose_lifetime(5401, policy)
    assert str(refused.value) == "requested TTL 1h30m1s is greater than the max allowed TTL 1h30m0s"


def test_short_lifetimes_are_spelled_without_empty_units() -> None:
    with pytest.raises(LifetimeError) as refused:
        template.choose_lifetime(61, LifetimePolicy(maximum=timedelta(seconds=7)))
    assert str(refused.value) == "requested TTL 1m1s is greater than the max allowed TTL 7s"


@given(st.integers(1, 4000), st.integers(0, 3649))
def test_leaf_never_outlives_its_issuer(days: int, after: int) -> None:
    made = leaf(lifetime=timedelta(days=days), after=timedelta(days=after))
    assert made.not_after <= ROOT.certificate.not_valid_after_utc
    assert made.not_after == min(NOON + timedelta(days=after + days), ROOT.certificate.not_valid_after_utc)


def test_expired_issuer_signs_nothing() -> None:
    with pytest.raises(GenerationError):
        leaf(after=timedelta(hours=87600))


def test_fractions_of_a_second_are_dropped() -> None:
    assert leaf(after=timedelta(microseconds=999_999)).not_after == NOON + HOUR
    assert leaf(lifetime=timedelta(seconds=1.5)).not_after == NOON + timedelta(seconds=1)


def test_root_is_the_whole_recorded_certificate() -> None:
    root = template.build_root("cluster.local", rsa_key().public_key(), timedelta(hours=87600), now=NOON, serial=7)
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "cluster.local")])
    assert (root.subject, root.issuer, root.serial) == (name, name, 7)
    assert (root.not_before, root.not_after - NOON) == (NOON, timedelta(seconds=315360000))
    usage, constraints, identifier = root.extensions
    assert isinstance(usage[0], x509.KeyUsage)
    assert (usage[0].key_cert_sign, usage[0].digital_signature, usage[0].crl_sign, usage[1]) == (
        True,
        False,
        False,
        True,
    )
    assert constraints == (x509.BasicConstraints(ca=True, path_length=None), True)
    assert identifier == (x509.SubjectKeyIdentifier.from_public_key(rsa_key().public_key()), False)
