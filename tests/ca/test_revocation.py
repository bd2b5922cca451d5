import pytest

from ca import revocation
from ca.bundle import Bundle, decode_bundle, encode_certificate, encode_private_key
from ca.errors import BundleError
from tests.ca.makers import NOON, ec_key, make_intermediate, make_revocations, make_root

ROOT = make_root(ec_key())
OWN = make_intermediate(ROOT, ec_key(1))


def plugged() -> Bundle:
    chain = (encode_certificate(OWN) + ROOT.roots).encode()
    own = encode_certificate(OWN).encode()
    return decode_bundle(own, encode_private_key(ec_key(1)), chain, ROOT.roots.encode(), now=NOON)


def test_without_lists_the_bundle_stays_as_it_is() -> None:
    bundle = plugged()
    assert revocation.attach(bundle, b" \n") is bundle


def test_lists_of_every_ca_in_the_chain_are_attached() -> None:
    text = make_revocations(ROOT.certificate, ec_key()) + make_revocations(OWN, ec_key(1))
    assert revocation.attach(plugged(), text.encode()).revocations == text


@pytest.mark.parametrize(
    "lists",
    [
        lambda: make_revocations(ROOT.certificate, ec_key()),
        lambda: make_revocations(ROOT.certificate, ec_key()) + make_revocations(OWN, ec_key(2)),
        lambda: make_revocations(ROOT.certificate, ec_key()) + make_revocations(ROOT.certificate, ec_key(1)),
    ],
    ids=["one is missing", "signed by another key", "of another name"],
)
def test_a_ca_without_its_list_is_refused(lists) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BundleError, match=r"expected one signed by CN=Intermediate"):
        revocation.attach(plugged(), lists().encode())


@pytest.mark.parametrize(
    "text", ["no list", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----", ROOT.roots], ids=str.__len__
)
def test_text_that_holds_no_list_is_refused(text: str) -> None:
    with pytest.raises(BundleError, match="revocation lists"):
        revocation.decode_lists(text.encode())
