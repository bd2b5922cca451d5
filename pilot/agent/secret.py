"""One SDS secret as ready bytes, and the making of it from certificates and files.

In: PEM. Out: a `Secret` whose body is a serialized `google.protobuf.Any` with a content hash as its version. Private
keys exist only inside `body`, which never prints. Does not know who watches a secret: see `secret_store.py`.
"""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography import x509
from envoy.extensions.transport_sockets.tls.v3 import common_pb2, secret_pb2

from pilot.agent.errors import CertificateError, SecretError
from pilot.agent.workload_certificate import WorkloadCertificate, decode_certificates, encode_certificates
from pilot.resources import content_hash, pack
from pilot.type_urls import SECRET

CERTIFICATE: Final = "default"
"""The workload's certificate chain and key."""

ROOTS: Final = "ROOTCA"
"""What the workload trusts."""

FILE_CERTIFICATE: Final = "file-cert:"
FILE_ROOTS: Final = "file-root:"
SYSTEM_ROOTS: Final = "system"

SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where distributions keep the roots of the public web; the first that exists is read."""


@dataclass(frozen=True, slots=True)
class Secret:
    """`body` is a serialized `google.protobuf.Any` around an Envoy Secret, `version` the hash of it."""

    name: str
    version: str
    body: bytes = field(repr=False)


def build_certificate(certificate: WorkloadCertificate) -> Secret:
    """The secret `default`."""
    return _tls_certificate(CERTIFICATE, certificate.chain_pem, certificate.key_pem)


def build_roots(certificates: Sequence[x509.Certificate]) -> Secret:
    """The secret `ROOTCA`."""
    return _validation_context(ROOTS, encode_certificates(certificates))


def is_file_secret(name: str) -> bool:
    """Whether a secret is a file (or two) rather than the workload's identity."""
    return name.startswith((FILE_CERTIFICATE, FILE_ROOTS))


def files_of(name: str) -> tuple[Path, ...]:
    """The files a secret is read from: certificate chain and key, or roots. Raises: SecretError."""
    if name.startswith(FILE_CERTIFICATE):
        chain, _, key = name.removeprefix(FILE_CERTIFICATE).partition("~")
        if not chain or not key:
            message = f"secret {name}: expected file-cert:CHAIN~KEY"
            raise SecretError(message)
        return Path(chain), Path(key)
    path = name.removeprefix(FILE_ROOTS)
    if not path:
        message = f"secret {name}: expected file-root:PATH"
        raise SecretError(message)
    return (system_roots() if path == SYSTEM_ROOTS else Path(path),)


def read_file_secret(name: str) -> Secret:
    """Reads a `file-cert:` or `file-root:` secret from its files. Raises: SecretError, without the content."""
    contents = [_read(name, path) for path in files_of(name)]
    try:
        decode_certificates(contents[0], f"secret {name}")
    except CertificateError as error:
        raise SecretError(str(error)) from error
    if name.startswith(FILE_CERTIFICATE):
        return _tls_certificate(name, contents[0], contents[1])
    return _validation_context(name, contents[0])


def system_roots() -> Path:
    """The host's own bundle of public roots. Raises: SecretError where none is found."""
    own = ssl.get_default_verify_paths().cafile
    candidates = map(Path, (*SYSTEM_BUNDLES, *([own] if own else ())))
    found = next((each for each in candidates if each.is_file()), None)
    if found is None:
        message = f"secret {FILE_ROOTS}{SYSTEM_ROOTS}: this host has no bundle of root certificates"
        raise SecretError(message)
    return found


def _read(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"secret {name}: {path}: {error.strerror}"
        raise SecretError(message) from error


def _tls_certificate(name: str, chain: bytes, key: bytes) -> Secret:
    certificate = common_pb2.TlsCertificate()
    certificate.certificate_chain.inline_bytes = chain
    certificate.private_key.inline_bytes = key
    return _secret(name, secret_pb2.Secret(name=name, tls_certificate=certificate))


def _validation_context(name: str, roots: bytes) -> Secret:
    context = common_pb2.CertificateValidationContext()
    context.trusted_ca.inline_bytes = roots
    return _secret(name, secret_pb2.Secret(name=name, validation_context=context))


def _secret(name: str, message: secret_pb2.Secret) -> Secret:
    body = pack(SECRET, message.SerializeToString(deterministic=True))
    return Secret(name, content_hash(body), body)
