"""A CA for several control planes that trust each other: one common root, one intermediate for each cluster.

Comes in: a directory, names of clusters. Goes out: files as istiod's plugged-in CA wants them, one directory for each
cluster, proven to load before they are written. The root's key stays in a directory of its own, which is needed again
only to add a cluster: keep it offline. What exists is never overwritten.

Source: CA behaviour 1.8 (file names, checks on load).
"""

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ca import bundle, signer, template, validate
from ca.bundle import Bundle
from ca.errors import BundleError
from ca.plugged_in import NATIVE
from ca.signer import PrivateKey
from ca.state_directory import PUBLIC_FILE, StateDirectory

ROOT_DIRECTORY, ROOT_KEY = "root", "root-key.pem"
ROOT_LIFETIME = timedelta(days=3650)
INTERMEDIATE_LIFETIME = timedelta(days=730)

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?", re.IGNORECASE)


def new_key(*, is_rsa: bool = False) -> PrivateKey:
    """P-256, or RSA-3072 for those who need it."""
    if is_rsa:
        return rsa.generate_private_key(public_exponent=65537, key_size=3072)
    return ec.generate_private_key(ec.SECP256R1())


def initialize(
    directory: Path,
    clusters: Iterable[str],
    organization: str,
    *,
    now: datetime,
    new_serial: Callable[[], int],
    is_rsa: bool = False,
    root_lifetime: timedelta = ROOT_LIFETIME,
    lifetime: timedelta = INTERMEDIATE_LIFETIME,
) -> tuple[Path, ...]:
    """Makes the root where there is none, then an intermediate for each cluster; the directories that it made.

    Raises: BundleError where a cluster has one already or a name will not do; StateError.
    """
    names = tuple(clusters)
    for name in names:
        if not _NAME.fullmatch(name) or name == ROOT_DIRECTORY:
            raise BundleError(f"cluster {name[:80]!r}: expected letters, digits, '.' and '-', and not 'root'")
        if (directory / name).exists():
            raise BundleError(f"{directory / name}: exists already, and nothing is overwritten")
    root = _root(directory / ROOT_DIRECTORY, organization, now, new_serial, is_rsa, root_lifetime)
    for name in names:
        key = new_key(is_rsa=is_rsa)
        meant = template.build_intermediate(
            organization,
            f"Intermediate CA of {name}",
            key.public_key(),
            lifetime,
            root.issuer,
            now=now,
            serial=new_serial(),
        )
        certificate = signer.sign(meant, root.key.reveal())
        validate.check(certificate, meant, root.certificate)
        _write(directory / name, key, bundle.encode_certificate(certificate).encode(), root, now)
    return tuple(directory / name for name in names)


def _root(
    directory: Path,
    organization: str,
    now: datetime,
    new_serial: Callable[[], int],
    is_rsa: bool,
    lifetime: timedelta,
) -> Bundle:
    state = StateDirectory(directory)
    with state.lock():
        key_pem, certificate = state.read_private(ROOT_KEY), state.read(NATIVE.roots)
        if certificate is not None and key_pem is None:
            raise BundleError(f"{directory / ROOT_KEY}: expected the key of {NATIVE.roots} beside it, got no file")
        if key_pem is None:
            key_pem = bundle.encode_private_key(new_key(is_rsa=is_rsa))
            state.write(ROOT_KEY, key_pem)
        if certificate is None:
            key = bundle.decode_private_key(key_pem)
            meant = template.build_root(organization, key.public_key(), lifetime, now=now, serial=new_serial())
            root = signer.sign(meant, key)
            validate.check(root, meant, root)
            certificate = bundle.encode_certificate(root).encode()
            state.write(NATIVE.roots, certificate, PUBLIC_FILE)
    return bundle.decode_bundle(certificate, key_pem, b"", certificate, now=now)


def _write(directory: Path, key: PrivateKey, certificate: bytes, root: Bundle, now: datetime) -> None:
    roots, key_pem = root.roots.encode(), bundle.encode_private_key(key)
    chain = certificate + roots
    bundle.decode_bundle(certificate, key_pem, chain, roots, now=now)  # what does not load is not written
    state = StateDirectory(directory)
    state.write(NATIVE.key, key_pem)
    for name, content in ((NATIVE.chain[0], chain), (NATIVE.roots, roots), (NATIVE.certificate, certificate)):
        state.write(name, content, PUBLIC_FILE)
