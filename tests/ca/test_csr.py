import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from ca.csr import MAX_CSR_CHARACTERS, decode_csr
from ca.errors import CsrError
from tests.ca.makers import ec_key, make_csr, pem_of, rsa_key

NAMED = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "app")])
GOOD = make_csr(ec_key())
GOOD_DER = x509.load_pem_x509_csr(GOOD.encode()).public_bytes(Encoding.DER)


def refusal(pem: str) -> str:
    with pytest.raises(CsrError) as refused:
        decode_csr(pem)
    return str(refused.value)


def as_pem(der: bytes) -> str:
    body = base64.b64encode(der).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n"


@pytest.mark.parametrize("curve", [ec.SECP256R1, ec.SECP384R1, ec.SECP521R1])
def test_key_of_a_usual_curve_is_taken(curve: type[ec.EllipticCurve]) -> None:
    assert decode_csr(make_csr(ec_key(0, curve))).public_key == ec_key(0, curve).public_key()


def test_rsa_key_is_taken() -> None:
    assert decode_csr(make_csr(rsa_key())).public_key == rsa_key().public_key()


@pytest.mark.parametrize(("subject", "wants"), [(x509.Name([]), False), (NAMED, True)])
def test_common_name_is_noticed_and_not_taken(subject: x509.Name, wants: bool) -> None:
    assert decode_csr(make_csr(ec_key(), subject)).wants_common_name is wants


def test_organization_alone_is_no_common_name() -> None:
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "acme")])
    assert not decode_csr(make_csr(ec_key(), subject)).wants_common_name


def test_text_around_the_block_and_another_label_do_not_matter() -> None:
    relabelled = GOOD.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")
    assert decode_csr(f"subject: app\n{relabelled}\ntrailing").public_key == ec_key().public_key()


def test_lines_may_end_as_on_windows() -> None:
    assert decode_csr(GOOD.replace("\n", "\r\n")).public_key == ec_key().public_key()


@pytest.mark.parametrize("pem", ["", "not PEM", GOOD[:-30], GOOD.replace("BEGIN", "BEGUN"), GOOD.replace("M", "*")])
def test_text_that_is_not_pem_is_refused(pem: str) -> None:
    assert refusal(pem) == "certificate signing request is not properly encoded"


@pytest.mark.parametrize("der", [b"", b"\x30\x00", GOOD_DER[:-1], GOOD_DER + b"\x00"])
def test_block_that_is_no_request_is_refused(der: bytes) -> None:
    assert refusal(as_pem(der)) == "failed to parse X.509 certificate signing request"


def test_request_that_another_key_signed_is_refused() -> None:
    other = x509.load_pem_x509_csr(make_csr(ec_key(1)).encode())
    mine = GOOD_DER.replace(
        ec_key().public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
        other.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
    )
    assert mine != GOOD_DER
    assert refusal(as_pem(mine)) == "x509: ECDSA verification failure"


def test_rsa_signature_is_verified() -> None:
    der = bytearray(x509.load_pem_x509_csr(make_csr(rsa_key()).encode()).public_bytes(Encoding.DER))
    der[-1] ^= 1
    assert refusal(as_pem(bytes(der))) == "x509: RSA verification failure"


def test_weak_rsa_key_is_refused() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    assert refusal(make_csr(weak)) == "RSA key has 1024 bits, expected 2048 to 8192"


def test_weak_curve_is_refused() -> None:
    assert refusal(make_csr(ec_key(0, ec.SECP192R1))).startswith("EC key is on curve secp192r1, expected one of")


@pytest.mark.parametrize("kind", ["ed25519", "dsa"])
def test_key_of_another_kind_is_refused(kind: str) -> None:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    if kind == "ed25519":
        made = builder.sign(ed25519.Ed25519PrivateKey.generate(), None)
    else:
        made = builder.sign(dsa.generate_private_key(2048), hashes.SHA256())
    assert "expected RSA or EC" in refusal(pem_of(made))


def test_request_signed_with_sha1_is_refused() -> None:
    # SHA-1 cannot be produced any more: the algorithm's identifier of a good request is rewritten.
    sha256_with_rsa, sha1_with_rsa = bytes.fromhex("06092a864886f70d01010b"), bytes.fromhex("06092a864886f70d010105")
    der = x509.load_pem_x509_csr(make_csr(rsa_key()).encode()).public_bytes(Encoding.DER)
    assert "signed with sha1" in refusal(as_pem(der.replace(sha256_with_rsa, sha1_with_rsa)))


def test_huge_request_is_refused_unread() -> None:
    assert "expected at most 32768" in refusal(GOOD + " " * MAX_CSR_CHARACTERS)


@given(st.text(max_size=400))
def test_no_text_breaks_the_decoder(text: str) -> None:
    with pytest.raises(CsrError):
        decode_csr(text)


@given(st.binary(max_size=400))
def test_no_block_breaks_the_decoder(der: bytes) -> None:
    with pytest.raises(CsrError):
        decode_csr(as_pem(der))


@given(st.data())
@settings(max_examples=400)
def test_no_damaged_request_passes(data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(GOOD_DER) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda value: value != GOOD_DER[position]))
    damaged = GOOD_DER[:position] + bytes([value]) + GOOD_DER[position + 1 :]
    with pytest.raises(CsrError):
        decode_csr(as_pem(damaged))


def test_rsa_key_that_is_slow_to_use_is_refused() -> None:
    numbers = rsa_key().private_numbers()
    exponent = (1 << 64) + 13
    secret = pow(exponent, -1, (numbers.p - 1) * (numbers.q - 1))
    slow = rsa.RSAPrivateNumbers(
        numbers.p,
        numbers.q,
        secret,
        secret % (numbers.p - 1),
        secret % (numbers.q - 1),
        numbers.iqmp,
        rsa.RSAPublicNumbers(exponent, numbers.public_numbers.n),
    ).private_key()
    assert refusal(make_csr(slow)) == "RSA key has a public exponent of more than 64 bits"
