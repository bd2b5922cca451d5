"""The mesh's own root: made once, kept in the state directory, the same after every restart.

Comes in: a state directory. Goes out: the `Bundle` that lies in it, made first where there is none. The files have
istiod's names; `root-cert.pem` is what clients trust. A broken set of files is refused: making a new root in its place
would cut off every workload that trusts the old one.

Files are written in the order in which they depend on each other (key, certificate, roots, chain), each as a whole, so
that a start after a crash between two of them goes on where it stopped, with the key that is already there.

Source: CA behaviour 1.7, 1.8 (file names).
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import rsa

from ca import bundle, signer, template, validate
from ca.bundle import Bundle
from ca.errors import BundleError, StateError
from ca.signer import PrivateKey
from ca.state_directory import PUBLIC_FILE, StateDirectory

CA_CERTIFICATE, CA_KEY = "ca-cert.pem", "ca-key.pem"
ROOT_CERTIFICATES, CERTIFICATE_CHAIN = "root-cert.pem", "cert-chain.pem"

ROOT_LIFETIME = timedelta(hours=87600)
RSA_BITS = 2048


def load_or_create(
    state: StateDirectory,
    organization: str,
    *,
    now: datetime,
    new_serial: Callable[[], int],
    lifetime: timedelta = ROOT_LIFETIME,
    rsa_bits: int = RSA_BITS,
) -> Bundle:
    """The root in the directory; the first start makes it, named after the trust domain.

    Takes 0.1 to 1 s of CPU when it makes a key. Raises: StateError, BundleError; both name the file or directory.
    """
    with state.lock():
        key = state.read_private(CA_KEY)
        certificate = state.read(CA_CERTIFICATE)
        if certificate is None:
            _refuse_orphans(state)
            key = key or _create_key(state, rsa_bits)
            certificate = _create_certificate(state, key, organization, lifetime, now, new_serial())
        elif key is None:
            raise StateError(
                f"{state.path / CA_KEY}: expected the private key of {CA_CERTIFICATE} beside it, got no file;"
                " restore it, or remove the certificate to begin with a new root that no workload trusts yet"
            )
        roots = _read_or_write(state, ROOT_CERTIFICATES, certificate)
        chain = _read_or_write(state, CERTIFICATE_CHAIN, b"")
    try:
        return bundle.decode_bundle(certificate, key, chain, roots, now=now)
    except BundleError as error:
        raise BundleError(f"{state.path}: {error}") from error


class DirectoryRootStore:
    """The store of a mesh without Kubernetes: the root in the state directory, for whoever renews it."""

    def __init__(self, state: StateDirectory, clock: Callable[[], datetime]) -> None:
        self._state = state
        self._clock = clock

    async def load(self) -> Bundle:
        """What lies there now. Raises: StateError, BundleError."""
        return await asyncio.to_thread(self._load)

    async def save(self, renewed: Bundle) -> None:
        """Replaces certificate and roots; the key file is not touched, a renewed root has the key that is there.

        Raises: StateError. After a crash between the two files both still verify each other: same key, same name.
        """
        await asyncio.to_thread(self._save, renewed)

    def _load(self) -> Bundle:
        state = self._state
        with state.lock():
            key, certificate = state.read_private(CA_KEY), state.read(CA_CERTIFICATE)
            roots, chain = state.read(ROOT_CERTIFICATES), state.read(CERTIFICATE_CHAIN)
        if key is None or certificate is None:
            raise StateError(f"{state.path}: expected {CA_KEY} and {CA_CERTIFICATE}, got not both")
        try:
            return bundle.decode_bundle(certificate, key, chain or b"", roots or certificate, now=self._clock())
        except BundleError as error:
            raise BundleError(f"{state.path}: {error}") from error

    def _save(self, renewed: Bundle) -> None:
        with self._state.lock():
            self._state.write(ROOT_CERTIFICATES, renewed.roots.encode(), PUBLIC_FILE)
            self._state.write(CA_CERTIFICATE, bundle.encode_certificate(renewed.certificate).encode(), PUBLIC_FILE)


def _create_key(state: StateDirectory, bits: int) -> bytes:
    pem = bundle.encode_private_key(rsa.generate_private_key(public_exponent=65537, key_size=bits))
    state.write(CA_KEY, pem)
    return pem


def _create_certificate(
    state: StateDirectory, key_pem: bytes, organization: str, lifetime: timedelta, now: datetime, serial: int
) -> bytes:
    key: PrivateKey = bundle.decode_private_key(key_pem)
    root = template.build_root(organization, key.public_key(), lifetime, now=now, serial=serial)
    certificate = signer.sign(root, key)
    validate.check(certificate, root, certificate)
    pem = bundle.encode_certificate(certificate).encode()
    state.write(CA_CERTIFICATE, pem, PUBLIC_FILE)
    return pem


def _refuse_orphans(state: StateDirectory) -> None:
    """Roots without a signing certificate: somebody lost a file, and a new root would not be the trusted one."""
    if state.read(ROOT_CERTIFICATES) is not None:
        raise StateError(
            f"{state.path / CA_CERTIFICATE}: expected it beside {ROOT_CERTIFICATES}, got no file;"
            f" restore it, or remove {ROOT_CERTIFICATES} to begin with a new root"
        )


def _read_or_write(state: StateDirectory, name: str, default: bytes) -> bytes:
    content = state.read(name)
    if content is None:
        state.write(name, default, PUBLIC_FILE)
        return default
    return content
