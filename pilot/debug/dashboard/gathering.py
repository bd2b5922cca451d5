"""Rows of what runs: proxies, services, certificates.

In: streams, a snapshot, certificates. Out: rows. Reads, and changes nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from pilot.debug.dashboard.calls import calls
from pilot.debug.dashboard.rows import (
    CertificateRow,
    Picture,
    ProxyRow,
    Sample,
    ServiceRow,
    Sync,
    TypeRow,
    WorkloadCertificate,
)
from pilot.model.certificates import KeyPair, key_pair
from pilot.model.endpoint import Health
from pilot.model.problem import Problem
from pilot.model.snapshot import Snapshot
from pilot.type_urls import short_name
from pilot.view.proxy import Proxy
from pilot.xds.discovery import Connection, WatchRow

_READY: Final = (Health.UNKNOWN, Health.HEALTHY)
Certificates = Iterable[tuple[str, x509.Certificate]]
"""What each is for, and the certificate."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the dashboard looks."""

    snapshot: Callable[[], Snapshot]
    connections: Callable[[], Iterable[Connection]]
    problems: Callable[[], Iterable[Problem]]
    samples: Callable[[], tuple[Sample, ...]] = tuple
    certificates: Callable[[], Certificates] = tuple
    workloads: Callable[[], Iterable[WorkloadCertificate]] = tuple


def gather(sources: Sources, now: datetime) -> Callable[[], Picture]:
    """Looks now, on the event loop; what is returned makes the picture, and may do so in a thread."""
    snapshot, connections = sources.snapshot(), tuple(sources.connections())
    problems, samples = tuple(sources.problems()), sources.samples()
    held = (*sources.certificates(), *served(snapshot))
    workloads = tuple(sources.workloads())

    def make() -> Picture:
        return Picture(
            now,
            tuple(proxy_row(each) for each in connections if isinstance(each.proxy, Proxy)),
            tuple(service_rows(snapshot)),
            calls(snapshot),
            problems,
            samples,
            tuple(certificate_row(purpose, each) for purpose, each in held),
            workloads,
            counted(snapshot),
        )

    return make


def proxy_row(each: Connection) -> ProxyRow:
    """One stream."""
    proxy: Proxy = each.proxy
    return ProxyRow(
        connection=each.id,
        proxy=proxy.id,
        kind=proxy.traits.kind.value,
        namespace=proxy.traits.namespace,
        version=proxy.istio_version_text,
        cluster=proxy.traits.cluster_id,
        peer=each.peer,
        protocol="delta" if each.protocol == "delta" else "state of the world",
        connected_at=each.connected_at,
        identity=proxy.identity,
        types=tuple(_type_row(row) for row in each.watches),
    )


def _type_row(row: WatchRow) -> TypeRow:
    count = 0 if row.wildcard else len(row.names)
    return TypeRow(short_name(row.type_url), _state(row), count, row.sent_version, row.sent_at, row.error)


def _state(row: WatchRow) -> Sync:
    if row.error:
        return Sync.REFUSED
    if not row.sent_nonce:
        return Sync.NOT_SENT
    return Sync.SYNCED if row.is_synced else Sync.WAITING


def service_rows(snapshot: Snapshot) -> Iterator[ServiceRow]:
    """All services by host name."""
    for service in sorted(snapshot.services, key=lambda each: (each.hostname, each.namespace)):
        behind = snapshot.endpoints.get((service.hostname, service.namespace))
        ports = len(service.ports) or 1
        found = behind.endpoints if behind is not None else ()
        yield ServiceRow(
            hostname=service.hostname,
            namespace=service.namespace,
            ports=tuple(f"{each.name} {each.number}/{each.protocol.value}".strip() for each in service.ports),
            endpoints=-(-len(found) // ports),
            ready=-(-sum(each.health in _READY for each in found) // ports),
            origin=service.origin,
            is_external=service.mesh_external,
        )


def counted(snapshot: Snapshot) -> Mapping[str, int]:
    """How many objects of each kind there are."""
    return Counter(each.key.kind for each in snapshot.objects.all())


def served(snapshot: Snapshot) -> Iterator[tuple[str, x509.Certificate]]:
    """The certificates that Secrets hold."""
    for namespace, secrets in sorted(snapshot.credentials.secrets.items()):
        for name, secret in sorted(secrets.items()):
            pair = key_pair(secret)
            if isinstance(pair, KeyPair):
                yield f"Secret {namespace}/{name}", x509.load_pem_x509_certificates(pair.chain.reveal())[0]


def certificate_row(purpose: str, certificate: x509.Certificate) -> CertificateRow:
    """What is shown of a certificate."""
    return CertificateRow(
        purpose,
        _name(certificate),
        certificate.issuer.rfc4514_string(),
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        certificate.fingerprint(hashes.SHA256()).hex(),
    )


def _name(certificate: x509.Certificate) -> str:
    """The subject, else the first alternative names."""
    subject = certificate.subject.rfc4514_string()
    if subject:
        return subject
    try:
        names = list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except (x509.ExtensionNotFound, ValueError):
        return ""
    return ", ".join(str(each.value) for each in names[:3])
