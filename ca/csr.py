"""From a certificate signing request the public key is taken, and nothing else that the requester says about itself.

Comes in: the PEM text of the request. Goes out: a `SigningRequest`: the key, proven to be the requester's by the
request's own signature, and whether a common name was asked for. Names, extensions and usages in the request are
ignored: identity comes from the caller's credentials. No clock, no randomness, no I/O.

Source: CA behaviour 1.1 (errors), 1.6 (what is taken); the limits are ours.
"""

import base64
import binascii
import re
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from ca.errors import CsrError

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

MAX_CSR_CHARACTERS = 32 * 1024
"""An RSA-8192 request is about 3,500 characters; ten times that leaves room for extensions nobody reads."""
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 8192
"""Below: weak. Above: one verification costs the CPU of many, and no proxy wants to use such a key."""
MAX_RSA_EXPONENT_BITS = 64
"""Everybody uses 17 bits; verifying with a modulus-sized exponent costs as much as signing."""
CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_SIGNATURE_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)

# `[^-]` and a bounded type keep the search linear in the length of the text, whatever the text is.
_PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,64})-----([^-]*)-----END \1-----")


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """What we believe of a certificate signing request."""

    public_key: PublicKey
    wants_common_name: bool
    """The request has a common name: the certificate gets one too (but never that one)."""


def decode_csr(pem: str) -> SigningRequest:
    """Reads and verifies the first PEM block of the text, whatever its label says.

    Raises: CsrError. Source: recorded answers (which text is answered with which reason).
    """
    request = _parse(decode_pem(pem))
    key = _checked_key(request)
    _verify_signature(request, key)
    return SigningRequest(key, _has_common_name(request))


def decode_pem(pem: str) -> bytes:
    """The DER of the first PEM block, whatever its label says. Raises: CsrError."""
    if len(pem) > MAX_CSR_CHARACTERS:
        raise CsrError(f"certificate signing request has {len(pem)} characters, expected at most {MAX_CSR_CHARACTERS}")
    block = _PEM_BLOCK.search(pem)
    if block is None:
        raise CsrError("certificate signing request is not properly encoded")
    try:
        return base64.b64decode("".join(block[2].split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise CsrError("certificate signing request is not properly encoded") from error


def _parse(der: bytes) -> x509.CertificateSigningRequest:
    try:
        return x509.load_der_x509_csr(der)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise CsrError("failed to parse X.509 certificate signing request") from error


def _checked_key(request: x509.CertificateSigningRequest) -> PublicKey:
    try:
        key = request.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CsrError("public key of the certificate signing request is unreadable or of an unknown kind") from error
    match key:
        case rsa.RSAPublicKey():
            if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
                raise CsrError(f"RSA key has {key.key_size} bits, expected {MIN_RSA_BITS} to {MAX_RSA_BITS}")
            if key.public_numbers().e.bit_length() > MAX_RSA_EXPONENT_BITS:
                raise CsrError(f"RSA key has a public exponent of more than {MAX_RSA_EXPONENT_BITS} bits")
            return key
        case ec.EllipticCurvePublicKey():
            if not isinstance(key.curve, CURVES):
                expected = ", ".join(curve.name for curve in CURVES)
                raise CsrError(f"EC key is on curve {key.curve.name}, expected one of {expected}")
            return key
        case _:
            raise CsrError(f"public key is {type(key).__name__}, expected RSA or EC")


def _verify_signature(request: x509.CertificateSigningRequest, key: PublicKey) -> None:
    """With the key that was read already: `is_signature_valid` reads it once more, a fifth of its time."""
    algorithm = "RSA" if isinstance(key, rsa.RSAPublicKey) else "ECDSA"
    try:
        used = request.signature_hash_algorithm
        if not isinstance(used, _SIGNATURE_HASHES):
            name = used.name if used else "no hash"
            raise CsrError(f"certificate signing request is signed with {name}, expected sha256, sha384 or sha512")
        match key, request.signature_algorithm_parameters:
            case rsa.RSAPublicKey(), padding.PKCS1v15() | padding.PSS() as parameters:
                key.verify(request.signature, request.tbs_certrequest_bytes, parameters, used)
            case ec.EllipticCurvePublicKey(), ec.ECDSA() as parameters:
                key.verify(request.signature, request.tbs_certrequest_bytes, parameters)
            case _:
                raise CsrError("certificate signing request has a signature of another kind than its key")
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CsrError("certificate signing request has a signature of an unknown kind") from error
    except InvalidSignature as error:
        raise CsrError(f"x509: {algorithm} verification failure") from error


def _has_common_name(request: x509.CertificateSigningRequest) -> bool:
    try:
        return any(attribute.value for attribute in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME))
    except (ValueError, TypeError) as error:
        raise CsrError("subject of the certificate signing request is unreadable") from error
