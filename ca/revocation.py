"""Revocation lists that come with a plugged-in CA.

Comes in: PEM text and the chain they are about. Goes out: the same bundle with the lists attached, proven to be those
of its chain. Revokes nothing itself: proxies are handed the lists and check their peers by them.

Source: CA behaviour 1.8 "CRL check", 1.12 "CRL ConfigMap".
"""

import re
from dataclasses import replace

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from ca.bundle import Bundle, decode_certificates
from ca.csr import PublicKey
from ca.errors import BundleError

_LIST = re.compile(rb"-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----")


def attach(bundle: Bundle, pem: bytes) -> Bundle:
    """The bundle with its revocation lists; without any, the bundle itself.

    Envoy refuses a peer if any certificate of its chain has no list, so one that is missing is an error here, before
    it takes the mesh down. Raises: BundleError.
    """
    if not pem.strip():
        return bundle
    lists = decode_lists(pem)
    for certificate in decode_certificates("".join(bundle.chain).encode(), "certificate chain"):
        if not any(_is_of(certificate, each) for each in lists):
            name = certificate.subject.rfc4514_string()
            raise BundleError(f"revocation lists: expected one signed by {name}, which is in the chain, got none")
    text = "".join(each.public_bytes(serialization.Encoding.PEM).decode("ascii") for each in lists)
    return replace(bundle, revocations=text)


def decode_lists(pem: bytes) -> tuple[x509.CertificateRevocationList, ...]:
    """Every list of a PEM text, at least one. Raises: BundleError."""
    try:
        found = tuple(x509.load_pem_x509_crl(block) for block in _LIST.findall(pem))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BundleError(f"revocation lists: unreadable: {error}") from error
    if not found:
        raise BundleError(f"revocation lists: expected PEM, got {len(pem)} bytes without one")
    return found


def _is_of(certificate: x509.Certificate, revocations: x509.CertificateRevocationList) -> bool:
    key = certificate.public_key()
    if revocations.issuer != certificate.subject or not isinstance(key, PublicKey):
        return False
    try:
        return revocations.is_signature_valid(key)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
