from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from ca.authn.caller import Call
from ca.authn.client_certificate import ClientCertificateAuthenticator, spiffe_names
from ca.errors import CredentialError
from tests.ca.makers import APP, MESH, NOON, ec_key, make_leaf, make_root

ROOT = make_root(ec_key())


def names_of(*identities: str, after: timedelta = timedelta(0)) -> tuple[str, ...]:
    leaf = make_leaf(ROOT, ec_key(1).public_key(), identities)
    return spiffe_names(leaf.public_bytes(Encoding.DER), MESH, NOON + after)


def test_every_name_of_an_svid_is_kept_in_order() -> None:
    assert names_of("a.example", APP, "10.0.0.1", "2001:db8::1") == ("a.example", APP, "10.0.0.1", "2001:db8::1")


@pytest.mark.parametrize(
    ("identities", "said"),
    [
        (("istiod.istio-system.svc",), "expected exactly one URI name, got 0"),
        ((APP, "spiffe://cluster.local/ns/demo/sa/other"), "expected exactly one URI name, got 2"),
        (("spiffe://other.domain/ns/demo/sa/app",), "expected trust domain cluster.local, got other.domain"),
        (("spiffe://cluster.local/demo/app",), "expected spiffe://<trust domain>"),
    ],
)
def test_certificate_that_is_no_svid_of_the_mesh_is_refused(identities: tuple[str, ...], said: str) -> None:
    with pytest.raises(CredentialError, match=said):
        names_of(*identities)


def test_certificate_without_names_is_refused() -> None:
    with pytest.raises(CredentialError, match="no subject alternative name"):
        spiffe_names(ROOT.certificate.public_bytes(Encoding.DER), MESH, NOON)


@pytest.mark.parametrize("after", [timedelta(hours=1), timedelta(minutes=-3)])
def test_certificate_outside_its_time_is_refused(after: timedelta) -> None:
    with pytest.raises(CredentialError, match="is not valid at"):
        names_of(APP, after=after)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(der: bytes) -> None:
    with pytest.raises(CredentialError):
        spiffe_names(der, MESH, NOON)


async def test_verified_names_are_the_identities() -> None:
    call = Call("10.0.0.1:5", is_secure=True, certificate_names=(APP, "a.example"))
    assert (await ClientCertificateAuthenticator().authenticate(call)).identities == (APP, "a.example")


async def test_without_a_certificate_somebody_else_is_asked() -> None:
    with pytest.raises(CredentialError, match="no client certificate"):
        await ClientCertificateAuthenticator().authenticate(Call("10.0.0.1:5", is_secure=True))
