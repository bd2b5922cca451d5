"""What certificates a control plane has and has issued, for people to look at.

In: a `Trust`. Out: certificates with what each is for, and the last one of each workload. Keys stay where they are.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca.bundle import Bundle, decode_certificates
from ca.errors import BundleError, NotReadyError
from pilot.debug.dashboard.rows import WorkloadCertificate
from pilot.trust import Trust


def certificates(trust: Trust) -> Iterator[tuple[str, x509.Certificate]]:
    """The roots, what signs under them, our own certificate; each once."""
    seen: set[bytes] = set()
    for purpose, certificate in _certificates(trust):
        encoded = certificate.public_bytes(Encoding.DER)
        if encoded not in seen:
            seen.add(encoded)
            yield purpose, certificate


def workloads(trust: Trust) -> Iterator[WorkloadCertificate]:
    """The last certificate of each workload that has one in force or had one lately."""
    if trust.signing is None:
        return
    for holder, holding in trust.signing.ledger.holdings.items():
        yield WorkloadCertificate(holder.identity, holder.instance, datetime.fromtimestamp(holding.expiry, UTC))


def _certificates(trust: Trust) -> Iterator[tuple[str, x509.Certificate]]:
    bundle = _bundle(trust)
    if bundle is not None:
        is_root = bundle.certificate.subject == bundle.certificate.issuer
        yield "root, signs workloads" if is_root else "signs workloads", bundle.certificate
        for pem in bundle.chain:
            yield from (("intermediate", each) for each in _decoded(pem))
        yield from (("root", each) for each in _decoded(bundle.roots))
    for pem in trust.bundle.roots:
        yield from (("root, trusted by the mesh", each) for each in _decoded(pem))
    if trust.serving is not None:
        yield "the control plane's own", trust.serving().certificate


def _bundle(trust: Trust) -> Bundle | None:
    try:
        return trust.signing.authority.bundle if trust.signing is not None else None
    except NotReadyError:
        return None


def _decoded(pem: str) -> tuple[x509.Certificate, ...]:
    try:
        return decode_certificates(pem.encode(), "roots")
    except BundleError:
        return ()
