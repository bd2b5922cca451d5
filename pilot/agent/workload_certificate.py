"""The workload's key, its certificate signing request, and the check of what came back.

In: the certificate authority's answer (PEM, leaf first, root bundle last). Out: a `WorkloadCertificate` that is known
to belong to our key, to name our identity and to chain to a trusted root. Does no I/O; the clock is an argument.
Source: CA behaviour 1.1 (response layout), 1.5, 1.6.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pilot.agent.errors import CertificateError
from pilot.agent.options import KeyType

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

LONGEST_CHAIN = 10  # arbitrary: a loop of cross-signed certificates must end somewhere


@dataclass(frozen=True, slots=True)
class WorkloadCertificate:
    """An identity ready for use. `chain` is leaf then intermediates, `roots` whatever the answer said to trust."""

    chain: tuple[x509.Certificate, ...]
    roots: tuple[x509.Certificate, ...]
    key: PrivateKey = field(repr=False)

    @property
    def not_after(self) -> datetime:
        """When the leaf expires, in UTC."""
        return self.chain[0].not_valid_after_utc

    @property
    def serial(self) -> str:
        """The leaf's serial number in lower-case hexadecimal, without leading zeros"""
        return f"{self.chain[0].serial_number:x}"

    @property
    def chain_pem(self) -> bytes:
        """Leaf, then intermediates."""
        return encode_certificates(self.chain)

    @property
    def key_pem(self) -> bytes:
        """The private key, PKCS #8, not encrypted: for Envoy over the agent's socket, and for nobody else."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def generate_key(kind: KeyType) -> PrivateKey:
    """A new private key."""
    if kind is KeyType.RSA2048:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def build_csr(key: PrivateKey, spiffe_id: str) -> bytes:
    """A PEM certificate signing request: no subject, the SPIFFE id as the only alternative name."""
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(spiffe_id)])
    builder = x509.CertificateSigningRequestBuilder(x509.Name([])).add_extension(names, critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def decode_certificates(pem: bytes, what: str) -> tuple[x509.Certificate, ...]:
    """Every certificate of a PEM text, in its order; at least one. Raises: CertificateError, which names `what`."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        message = f"{what}: expected pem certificates, got none"
        raise CertificateError(message) from error


def encode_certificates(certificates: Iterable[x509.Certificate]) -> bytes:
    """The PEM text of certificates, each once, in their order."""
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in dict.fromkeys(certificates))


def accept_answer(
    answer: Sequence[str], key: PrivateKey, spiffe_id: str, trusted: Sequence[x509.Certificate], now: datetime
) -> WorkloadCertificate:
    """Checks an answer of the certificate authority and makes it usable.

    The answer came over a connection that `trusted` authenticated, so the roots it carries are trusted as well: this is
    how a new root reaches workloads. Another trust domain than ours is accepted (the mesh may have been renamed);
    another namespace or service account is not.
    Raises: CertificateError.
    """
    certificates = [each for item in answer for each in decode_certificates(item.encode(), "answer to the csr")]
    if not certificates:
        message = f"answer to the csr of {spiffe_id}: it holds no certificate"
        raise CertificateError(message)
    leaf, *others = certificates
    if leaf.public_key() != key.public_key():
        message = f"certificate for {spiffe_id}: expected the public key of the csr, got another"
        raise CertificateError(message)
    if leaf.not_valid_after_utc <= now:
        message = f"certificate for {spiffe_id}: it expired at {leaf.not_valid_after_utc:%Y-%m-%d %H:%M:%S}Z"
        raise CertificateError(message)
    _check_identity(leaf, spiffe_id)
    roots = tuple(each for each in others if is_root(each))
    intermediates = tuple(each for each in others if not is_root(each))
    if not chains_to((leaf, *intermediates), (*roots, *trusted)):
        message = f"certificate for {spiffe_id}: it does not chain to a root of the answer or of the root file"
        raise CertificateError(message)
    return WorkloadCertificate((leaf, *intermediates), roots, key)


def spiffe_ids(certificate: x509.Certificate) -> tuple[str, ...]:
    """The URI names of a certificate."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(names.get_values_for_type(x509.UniformResourceIdentifier))


def is_root(certificate: x509.Certificate) -> bool:
    """Whether a certificate is self-issued."""
    return bool(certificate.subject == certificate.issuer) and _is_issued_by(certificate, certificate)


def fingerprint(certificate: x509.Certificate) -> str:
    """A short name of a certificate, as the control plane makes it."""
    return certificate.fingerprint(hashes.SHA256()).hex()[:32]


def signing_root(
    chain: Sequence[x509.Certificate], roots: Iterable[x509.Certificate], preferred: str = ""
) -> x509.Certificate | None:
    """The root under which a chain verifies; of several (one key, two certificates) the one of that fingerprint."""
    found = [each for each in roots if chains_to(chain, (each,))]
    return next((each for each in found if fingerprint(each) == preferred), found[0] if found else None)


def chains_to(chain: Sequence[x509.Certificate], roots: Iterable[x509.Certificate]) -> bool:
    """Whether the first certificate is signed, through the others, by one of the roots."""
    anchors, current = tuple(roots), chain[0]
    for _ in range(LONGEST_CHAIN):
        if any(_is_issued_by(current, each) for each in anchors):
            return True
        issuer = next((each for each in chain[1:] if each != current and _is_issued_by(current, each)), None)
        if issuer is None:
            return False
        current = issuer
    return False


def _check_identity(leaf: x509.Certificate, spiffe_id: str) -> None:
    """Only the trust domain may differ."""
    wanted = _path(spiffe_id)
    found = spiffe_ids(leaf)
    if wanted not in map(_path, found):
        message = f"certificate for {spiffe_id}: expected that identity, got {', '.join(found) or 'none'}"
        raise CertificateError(message)


def _path(spiffe_id: str) -> str:
    return spiffe_id.removeprefix("spiffe://").partition("/")[2]


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return constraints.ca
