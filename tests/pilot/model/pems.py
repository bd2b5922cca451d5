"""Keys and certificates for tests, as PEM text and in documents."""

import zlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID


@cache
def pair(name: str) -> tuple[str, str]:
    """A self-signed certificate and its key; the same for the same name within a run."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime(2024, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(zlib.crc32(name.encode()) + 1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM).decode(), private.decode()


def secret(namespace: str, name: str, **data: str) -> str:
    """The document of a Secret; `tls_crt` is the key `tls.crt`."""
    lines = "\n".join(f"  {key.replace('_', '.')}: '{b64encode(text.encode()).decode()}'" for key, text in data.items())
    return f"---\nkind: Secret\nmetadata: {{name: {name}, namespace: {namespace}}}\ndata:\n{lines}\n"


def tls_secret(namespace: str, name: str, common_name: str = "a") -> str:
    """The document of a Secret as `kubectl create secret tls` makes it."""
    chain, key = pair(common_name)
    return secret(namespace, name, tls_crt=chain, tls_key=key)


def revocations(name: str = "a") -> str:
    """The list of certificates that a certificate has revoked: none."""
    now = datetime(2024, 1, 1, tzinfo=UTC)
    builder = x509.CertificateRevocationListBuilder(x509.Name([]), now, now + timedelta(days=1))
    signed = builder.sign(_private_key(name), hashes.SHA256())
    return signed.public_bytes(Encoding.PEM).decode()


def staple(chain: str, signer: str = "a") -> bytes:
    """What `signer` says of a certificate: it is good."""
    leaf, issuer = (x509.load_pem_x509_certificate(each.encode()) for each in (chain, pair(signer)[0]))
    now = datetime(2024, 1, 1, tzinfo=UTC)
    builder = ocsp.OCSPResponseBuilder().add_response(
        leaf, issuer, hashes.SHA256(), ocsp.OCSPCertStatus.GOOD, now, now + timedelta(days=1), None, None
    )
    signed = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, issuer)
    return signed.sign(_private_key(signer), hashes.SHA256()).public_bytes(Encoding.DER)


def _private_key(name: str) -> Any:
    return load_pem_private_key(pair(name)[1].encode(), None)
