import ssl
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ca.serving import ServingCertificate, build_context, host_names, issue_serving
from ca.tls_policy import TlsPolicy
from tests.ca.makers import NOON, YEARS, ec_key, make_root, rsa_key

NAMES = ("istiod.istio-system.svc", "localhost", "127.0.0.1", "::1")
ROOT = make_root(rsa_key())


def serving(after: timedelta = timedelta(0), **more: timedelta) -> ServingCertificate:
    return issue_serving(ROOT, NAMES, now=NOON + after, serial=3, **more)


def test_names_are_istiods_sorted_with_addresses_last() -> None:
    names = host_names("mesh", "canary", ["localhost", "127.0.0.1", "istiod.mesh.svc"], "istiod-canary.mesh.svc:15012")
    assert names == (
        "istio-pilot.mesh.svc",
        "istiod-canary.mesh.svc",
        "istiod-remote.mesh.svc",
        "istiod.mesh.svc",
        "localhost",
        "127.0.0.1",
    )


@pytest.mark.parametrize("revision", ["", "default"])
def test_default_revision_adds_no_name(revision: str) -> None:
    assert host_names(revision=revision) == (
        "istio-pilot.istio-system.svc",
        "istiod-remote.istio-system.svc",
        "istiod.istio-system.svc",
    )


@pytest.mark.parametrize(
    ("address", "host"), [("[2001:db8::1]:15012", "2001:db8::1"), ("istiod:15012", "istiod"), ("istiod", "istiod")]
)
def test_discovery_address_gives_its_host(address: str, host: str) -> None:
    assert host in host_names(discovery_address=address)


def test_certificate_has_the_names_and_ends_with_its_issuer() -> None:
    made = serving(timedelta(days=1)).certificate
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == list(NAMES)
    assert made.not_valid_after_utc == NOON + YEARS


def test_half_life_lies_between_begin_and_end() -> None:
    assert serving(lifetime=timedelta(hours=2)).half_life == NOON + timedelta(minutes=59)


def test_key_is_of_the_kind_of_the_authoritys() -> None:
    assert isinstance(serving().key.reveal(), rsa.RSAPrivateKey)
    root = make_root(ec_key(0, ec.SECP384R1))
    key = issue_serving(root, NAMES, now=NOON, serial=3).key.reveal()
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.curve.name == "secp384r1"


def test_key_prints_redacted() -> None:
    assert "key=<redacted>" in repr(serving())


def test_context_asks_for_a_certificate_and_lives_without_one() -> None:
    context = build_context(serving())
    assert context.verify_mode is ssl.CERT_OPTIONAL
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert len(context.get_ca_certs()) == 1


def test_context_obeys_the_policy() -> None:
    context = build_context(replace(serving(), policy=TlsPolicy(("ECDHE-RSA-AES256-GCM-SHA384",))))
    chosen = {each["name"] for each in context.get_ciphers() if each["protocol"] == "TLSv1.2"}
    assert chosen == {"ECDHE-RSA-AES256-GCM-SHA384"}
