from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pilot.agent.errors import CertificateError
from pilot.agent.options import KeyType
from pilot.agent.workload_certificate import (
    WorkloadCertificate,
    accept_answer,
    build_csr,
    chains_to,
    decode_certificates,
    encode_certificates,
    generate_key,
    is_root,
    spiffe_ids,
)
from tests.pilot.agent.small_ca import SmallCa, pem

ID = "spiffe://cluster.local/ns/default/sa/bookinfo-reviews"
NOW = datetime.now(UTC)
ROOT = SmallCa()


def accept(answer: list[str], key: object, trusted: tuple[x509.Certificate, ...] = ()) -> WorkloadCertificate:
    return accept_answer(answer, key, ID, trusted, NOW)  # type: ignore[arg-type]  # tests pass any key


def test_a_p256_key_is_made_by_default_and_rsa_2048_by_option() -> None:
    curve, number = generate_key(KeyType.P256), generate_key(KeyType.RSA2048)
    assert isinstance(curve, ec.EllipticCurvePrivateKey)
    assert isinstance(curve.curve, ec.SECP256R1)
    assert isinstance(number, rsa.RSAPrivateKey)
    assert number.key_size == 2048


@pytest.mark.parametrize("kind", list(KeyType))
def test_a_csr_names_the_identity_and_nothing_else(kind: KeyType) -> None:
    key = generate_key(kind)
    csr = x509.load_pem_x509_csr(build_csr(key, ID))
    names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert csr.is_signature_valid
    assert csr.public_key() == key.public_key()
    assert (len(list(csr.subject)), names.critical, len(list(csr.extensions))) == (0, True, 1)
    assert names.value == x509.SubjectAlternativeName([x509.UniformResourceIdentifier(ID)])


def test_a_good_answer_becomes_a_certificate() -> None:
    key = generate_key(KeyType.P256)
    leaf = ROOT.sign_csr(build_csr(key, ID))
    found = accept([pem(leaf), ROOT.pem], key)
    assert found.chain == (leaf,)
    assert found.roots == (ROOT.certificate,)
    assert found.serial == f"{leaf.serial_number:x}"
    assert found.not_after == leaf.not_valid_after_utc
    assert found.chain_pem.decode() == pem(leaf)
    loaded = serialization.load_pem_private_key(found.key_pem, None)
    assert loaded.public_key() == leaf.public_key()


def test_an_intermediate_is_part_of_the_chain_and_several_roots_may_share_an_item() -> None:
    key, intermediate, other = generate_key(KeyType.P256), SmallCa("intermediate", ROOT), SmallCa("other")
    leaf = intermediate.sign_csr(build_csr(key, ID))
    found = accept([pem(leaf), intermediate.pem, ROOT.pem + other.pem], key)
    assert found.chain == (leaf, intermediate.certificate)
    assert found.roots == (ROOT.certificate, other.certificate)


def test_an_answer_without_roots_chains_to_the_root_file() -> None:
    key = generate_key(KeyType.P256)
    leaf = ROOT.sign_csr(build_csr(key, ID))
    assert accept([pem(leaf)], key, (ROOT.certificate,)).roots == ()


def test_a_renamed_mesh_is_followed() -> None:
    key = generate_key(KeyType.P256)
    leaf = ROOT.sign(key.public_key(), uris=["spiffe://new.name/ns/default/sa/bookinfo-reviews"])
    assert accept([pem(leaf), ROOT.pem], key).chain == (leaf,)


def test_a_certificate_of_another_key_is_refused() -> None:
    leaf = ROOT.sign_csr(build_csr(generate_key(KeyType.P256), ID))
    with pytest.raises(CertificateError, match="expected the public key of the csr, got another"):
        accept([pem(leaf), ROOT.pem], generate_key(KeyType.P256))


def test_a_certificate_of_another_service_account_is_refused() -> None:
    key = generate_key(KeyType.P256)
    leaf = ROOT.sign(key.public_key(), uris=["spiffe://cluster.local/ns/default/sa/somebody"])
    with pytest.raises(CertificateError, match=r"got spiffe://cluster\.local/ns/default/sa/somebody"):
        accept([pem(leaf), ROOT.pem], key)


def test_an_expired_certificate_is_refused() -> None:
    key = generate_key(KeyType.P256)
    leaf = ROOT.sign_csr(build_csr(key, ID), lifetime=timedelta(seconds=-60), now=NOW)
    with pytest.raises(CertificateError, match="it expired at"):
        accept([pem(leaf), ROOT.pem], key)


def test_a_certificate_that_no_root_vouches_for_is_refused() -> None:
    key, stranger = generate_key(KeyType.P256), SmallCa("stranger")
    leaf = stranger.sign_csr(build_csr(key, ID))
    with pytest.raises(CertificateError, match="does not chain to a root"):
        accept([pem(leaf), ROOT.pem], key, (ROOT.certificate,))


def test_a_root_of_the_same_name_does_not_do() -> None:
    key = generate_key(KeyType.P256)
    leaf = SmallCa().sign_csr(build_csr(key, ID))
    with pytest.raises(CertificateError, match="does not chain to a root"):
        accept([pem(leaf), ROOT.pem], key)


@pytest.mark.parametrize(
    ("answer", "words"), [([], "it holds no certificate"), (["not pem"], "expected pem certificates, got none")]
)
def test_an_answer_that_is_none_is_refused(answer: list[str], words: str) -> None:
    with pytest.raises(CertificateError, match=words):
        accept(answer, generate_key(KeyType.P256))


def test_a_leaf_is_no_issuer() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = ROOT.sign(key.public_key(), uris=[ID])
    assert not chains_to((leaf,), (leaf,))
    assert (is_root(ROOT.certificate), is_root(leaf)) == (True, False)


def test_certificates_are_written_once_each() -> None:
    text = encode_certificates([ROOT.certificate, ROOT.certificate])
    assert decode_certificates(text, "roots") == (ROOT.certificate,)


def test_a_certificate_without_alternative_names_has_no_identity() -> None:
    assert spiffe_ids(ROOT.certificate) == ()


def test_a_private_key_never_prints() -> None:
    key = generate_key(KeyType.P256)
    found = accept([pem(ROOT.sign_csr(build_csr(key, ID))), ROOT.pem], key)
    assert "PrivateKey" not in repr(found)
