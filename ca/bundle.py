"""The CA's material: signing certificate and key, the chain above it, and the roots that clients are to trust.

Comes in: PEM bytes as they lie in files or Secrets. Goes out: a `Bundle` whose parts are proven to belong together, and
from a bundle the layout of an answer. Does not read files, generate keys or sign.

Source: CA behaviour 1.1 "Response layout", 1.8 "Checks on load"; recorded answers.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ca.errors import BundleError
from ca.secret import Secret
from ca.signer import PrivateKey
from ca.template import Issuer

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Bundle:
    """What is needed to sign, and what is handed out with each leaf."""

    certificate: x509.Certificate
    key: Secret[PrivateKey]
    chain: tuple[str, ...]
    """PEM of the certificates that follow a leaf, one each; empty where the signing certificate is itself a root."""
    roots: str
    """PEM of every trusted root, in one text."""
    issuer: Issuer
    """The signing certificate as templates need it: parsed once, not for every leaf."""
    revocations: str = ""
    """PEM of the revocation lists that came with a plugged-in CA."""

    def response(self, leaf: x509.Certificate) -> list[str]:
        """The answer to a request: the leaf and each certificate of the chain as one item, the roots as the last.

        Every item ends with one newline. Source: CA behaviour 1.1 "Response layout".
        """
        return [encode_certificate(leaf), *self.chain, self.roots]

    @property
    def root_certificates(self) -> tuple[x509.Certificate, ...]:
        """The roots, parsed."""
        return decode_certificates(self.roots.encode(), "roots")


def decode_bundle(certificate: bytes, key: bytes, chain: bytes, roots: bytes, *, now: datetime) -> Bundle:
    """Puts the four parts together, each PEM; `chain` may be empty.

    Raises: BundleError when a part is unreadable, key and certificate differ, the certificate is no CA or is not valid
    now, or does not lead to one of the roots. Source: CA behaviour 1.8.
    """
    signing = decode_certificates(certificate, "signing certificate")[0]
    private_key = decode_private_key(key)
    intermediates = decode_certificates(chain, "certificate chain") if chain.strip() else ()
    anchors = decode_certificates(roots, "root certificates")
    if signing.public_key() != private_key.public_key():
        raise BundleError("signing certificate and private key: expected a pair, got two different keys")
    _check_is_ca(signing, "signing certificate", now)
    _check_path(signing, intermediates, anchors, now)
    return Bundle(
        certificate=signing,
        key=Secret(private_key),
        chain=tuple(encode_certificate(each) for each in intermediates),
        roots="".join(encode_certificate(each) for each in anchors),
        issuer=Issuer(signing.subject, signing.not_valid_after_utc, _key_identifier(signing, private_key)),
    )


def decode_certificates(pem: bytes, what: str) -> tuple[x509.Certificate, ...]:
    """Every certificate of a PEM text, at least one; comments between them are skipped.

    Raises: BundleError, naming `what`.
    """
    try:
        found = tuple(x509.load_pem_x509_certificate(block) for block in _CERTIFICATE.findall(pem))
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise BundleError(f"{what}: unreadable certificate: {error}") from error
    if not found:
        raise BundleError(f"{what}: expected a PEM certificate, got {len(pem)} bytes without one")
    return found


def decode_private_key(pem: bytes) -> PrivateKey:
    """An unencrypted RSA or EC key, PKCS#1, SEC 1 or PKCS#8.

    Raises: BundleError; it never quotes the text.
    """
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        # The library's message is about the format only, but what it saw is a key: say nothing of it.
        raise BundleError(f"private key: expected an unencrypted PEM key, got {len(pem)} unreadable bytes") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise BundleError(f"private key: expected RSA or EC, got {type(key).__name__}")
    return key


def encode_certificate(certificate: x509.Certificate) -> str:
    """PEM with exactly one newline at the end."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def encode_private_key(key: PrivateKey) -> bytes:
    """Unencrypted PEM as istiod writes it: PKCS#1 for RSA, SEC 1 for EC."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def _check_is_ca(certificate: x509.Certificate, what: str, now: datetime) -> None:
    name = certificate.subject.rfc4514_string()
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError) as error:
        raise BundleError(f"{what} {name}: expected basic constraints that say CA, got none") from error
    if not constraints.ca:
        raise BundleError(f"{what} {name}: expected a CA certificate, got one that is not")
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begin <= now < end:
        raise BundleError(
            f"{what} {name}: expected it to be valid at {now:{_TIME}}, got one valid {begin:{_TIME}} to {end:{_TIME}}"
        )


def _check_path(
    signing: x509.Certificate,
    intermediates: tuple[x509.Certificate, ...],
    anchors: tuple[x509.Certificate, ...],
    now: datetime,
) -> None:
    """Walks upwards until an anchor; the chain may also hold the signing certificate itself and the root."""
    current, seen = signing, {signing}
    while current not in anchors:
        above = next((each for each in (*anchors, *intermediates) if each not in seen and _issued(each, current)), None)
        if above is None:
            name = current.issuer.rfc4514_string()
            raise BundleError(f"signing certificate: no path to a root: nothing issued by {name} in chain and roots")
        _check_is_ca(above, "certificate chain", now)
        current = above
        seen.add(above)


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def _key_identifier(signing: x509.Certificate, key: PrivateKey) -> x509.AuthorityKeyIdentifier:
    try:
        own = signing.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
