"""The control plane's own certificate from files: somebody else issues it (istio-csr, cert-manager, an operator).

Comes in: paths of certificate, key and roots. Goes out: `context`, the TLS context that the next handshake takes, made
anew when the files change. A change that is broken leaves the old one in force.

Source: CA behaviour 1.10 "External gRPC CA", 1.11 (1, 2).
"""

import asyncio
import logging
import ssl
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from ca import bundle
from ca.errors import BundleError, CaError
from ca.secret import Secret
from ca.serving import ServingCertificate, build_context
from ca.tls_policy import TlsPolicy

LOOK = timedelta(seconds=1)
"""Between two looks at the files: cheaper than a watcher for three of them, and follows what Kubernetes renames."""

_log = logging.getLogger("ca")


@dataclass(frozen=True, slots=True)
class ServingPaths:
    """Where the three lie; each PEM."""

    certificate: Path
    key: Path
    roots: Path


def well_known(base: Path = Path("./var/run/secrets/istiod")) -> ServingPaths | None:
    """The files that charts mount there; None unless all of them exist."""
    roots = (base / "ca" / "root-cert.pem", base / "tls" / "ca.crt")
    found = ServingPaths(
        base / "tls" / "tls.crt", base / "tls" / "tls.key", next(filter(Path.is_file, roots), roots[0])
    )
    return found if all(each.is_file() for each in (found.certificate, found.key, found.roots)) else None


def load(paths: ServingPaths) -> ServingCertificate:
    """Reads the three. Raises: BundleError where one is unreadable, or certificate and key are no pair."""
    try:
        content = {path: path.read_bytes() for path in (paths.certificate, paths.key, paths.roots)}
    except OSError as error:
        raise BundleError(f"{error.filename}: cannot be read: {error.strerror}") from error
    leaf, *chain = bundle.decode_certificates(content[paths.certificate], str(paths.certificate))
    key = bundle.decode_private_key(content[paths.key])
    roots = bundle.decode_certificates(content[paths.roots], str(paths.roots))
    if leaf.public_key() != key.public_key():
        raise BundleError(f"{paths.certificate} and {paths.key}: expected a pair, got two different keys")
    texts = tuple(bundle.encode_certificate(each) for each in chain)
    return ServingCertificate(leaf, Secret(key), texts, "".join(bundle.encode_certificate(each) for each in roots))


class ServingFiles:
    """The certificate that lies in files now."""

    def __init__(self, paths: ServingPaths, policy: TlsPolicy | None = None) -> None:
        """Reads them. Raises: BundleError."""
        self._paths = paths
        self._policy = policy or TlsPolicy()
        self._seen = self._signature()
        self.serving = replace(load(paths), policy=self._policy)
        self._context = build_context(self.serving)

    @property
    def context(self) -> ssl.SSLContext:
        """For the next handshake."""
        return self._context

    async def serve_rotation(self) -> None:
        """Follows the files for ever; ends only by cancellation."""
        while True:
            await asyncio.sleep(LOOK.total_seconds())
            await self.reload()

    async def reload(self) -> bool:
        """Looks once; whether another certificate is in force now. Never raises for what is wrong with the files."""
        found = self._signature()
        if found == self._seen:
            return False
        try:
            serving = replace(await asyncio.to_thread(load, self._paths), policy=self._policy)
            context = await asyncio.to_thread(build_context, serving)
        except (CaError, ssl.SSLError, OSError) as error:
            _log.error(f"control plane keeps its old certificate: {error}")
            self._seen = found
            return False
        self._seen, self.serving, self._context = found, serving, context
        expiry = serving.certificate.not_valid_after_utc
        _log.info(f"control plane has a new certificate, valid until {expiry:%Y-%m-%dT%H:%M:%SZ}")
        return True

    def _signature(self) -> tuple[tuple[int, int, int] | None, ...]:
        found: list[tuple[int, int, int] | None] = []
        for path in (self._paths.certificate, self._paths.key, self._paths.roots):
            try:
                stat = path.stat()
                found.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
            except OSError:
                found.append(None)
        return tuple(found)
