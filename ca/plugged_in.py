"""The CA that an operator plugs in: files in a directory, as two layouts name them.

Comes in: a directory (a mounted Secret, mostly). Goes out: the `Bundle` in it, proven to fit together; None where
nothing is plugged in. A directory that holds some of the parts is an error: signing with a root of our own instead
would split the mesh. Does not watch (see `ca.reload`), writes nothing.

Source: CA behaviour 1.8.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ca import bundle, revocation
from ca.bundle import Bundle
from ca.errors import BundleError

REVOCATIONS = "ca-crl.pem"
GENERATED_MARK = "istio-generated"
"""Says that the files are a self-signed root that a control plane stored, not an operator's CA."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Which file holds which part; `chain` is the concatenation of several files."""

    certificate: str
    key: str
    chain: tuple[str, ...]
    roots: str

    @property
    def files(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys((self.certificate, self.key, *self.chain, self.roots)))


NATIVE = Layout("ca-cert.pem", "ca-key.pem", ("cert-chain.pem",), "root-cert.pem")
KUBERNETES_TLS = Layout("tls.crt", "tls.key", ("tls.crt", "ca.crt"), "ca.crt")
"""Of Secrets of type `kubernetes.io/tls`, as cert-manager writes them; chosen when its certificate exists."""


def layout_of(directory: Path) -> Layout:
    """The layout that the directory's files follow."""
    return KUBERNETES_TLS if (directory / KUBERNETES_TLS.certificate).exists() else NATIVE


def is_plugged_in(directory: Path, *, holds_self_signed: bool = False) -> bool:
    """Whether an operator's CA lies there. `holds_self_signed`: USE_CACERTS_FOR_SELF_SIGNED_CA.

    Raises: BundleError where some of its files do, and others do not.
    """
    if holds_self_signed and (directory / GENERATED_MARK).exists():
        return False
    files = layout_of(directory).files
    missing = [name for name in files if not (directory / name).is_file()]
    if missing and len(missing) < len(files):
        raise BundleError(f"{directory}: incomplete CA: expected {', '.join(files)}, got no {', '.join(missing)}")
    return not missing


def load(directory: Path, *, now: datetime, with_revocations: bool = True) -> Bundle:
    """The bundle in the directory. `with_revocations`: PILOT_ENABLE_CA_CRL; only the native layout has them.

    Raises: BundleError naming the directory: a part is unreadable, or they do not fit together.
    """
    layout = layout_of(directory)
    try:
        parts = {name: (directory / name).read_bytes() for name in layout.files}
        revocations = _optional(directory / REVOCATIONS) if with_revocations and layout is NATIVE else b""
    except OSError as error:
        raise BundleError(f"{error.filename}: cannot be read: {error.strerror}") from error
    chain = b"\n".join(parts[name] for name in layout.chain)
    try:
        loaded = bundle.decode_bundle(parts[layout.certificate], parts[layout.key], chain, parts[layout.roots], now=now)
        return revocation.attach(loaded, revocations)
    except BundleError as error:
        raise BundleError(f"{directory}: {error}") from error


def _optional(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
