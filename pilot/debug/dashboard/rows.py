"""What the pages of the dashboard show, as plain data.

In: nothing. Out: frozen rows; `gathering.py` makes them of what runs, pages make HTML of them, tests make them by hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from pilot.model.problem import Problem
from pilot.resources import Origin


class Sync(Enum):
    """What became of the last response of a type, worst first; of a proxy: the worst of its types."""

    REFUSED = "refused"
    WAITING = "waiting"
    """Sent, and no answer yet."""
    SYNCED = "synced"
    NOT_SENT = "nothing sent"


SYNC_ORDER = tuple(Sync)


@dataclass(frozen=True, slots=True)
class TypeRow:
    """One type that a proxy watches."""

    name: str
    """`CDS`, `LDS` ..."""
    state: Sync
    count: int
    """Resources asked for by name; 0: all there are."""
    version: str
    sent_at: datetime | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class ProxyRow:
    """One stream of a proxy."""

    connection: str
    """`<proxy id>-<n>`: also its address in the dashboard."""
    proxy: str
    kind: str
    namespace: str
    version: str
    cluster: str
    peer: str
    protocol: str
    connected_at: datetime
    identity: str
    types: tuple[TypeRow, ...]

    @property
    def state(self) -> Sync:
        """The worst of its types."""
        return min((each.state for each in self.types), key=SYNC_ORDER.index, default=Sync.NOT_SENT)


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """One service."""

    hostname: str
    namespace: str
    ports: tuple[str, ...]
    """`http 9080/HTTP`."""
    endpoints: int
    ready: int
    origin: Origin
    is_external: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """That somebody sends traffic to a service, because an object says so."""

    caller: str
    """`gateway shop/web`, `sidecars in bookinfo`, `workload bookinfo app=reviews`."""
    host: str
    """What is called."""
    callee: str
    """Host name of the service that gets it; may name nothing that exists."""
    subset: str
    share: str
    """`70 %`, `mirrored`, or empty: all of it."""
    when: str
    """Conditions in short, or empty."""
    origin: Origin


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """One certificate."""

    purpose: str
    subject: str
    issuer: str
    begins: datetime
    ends: datetime
    fingerprint: str


@dataclass(frozen=True, slots=True)
class WorkloadCertificate:
    """The last certificate that a workload was given."""

    identity: str
    instance: str
    ends: datetime


@dataclass(frozen=True, slots=True)
class Sample:
    """Counts since the start, at one moment."""

    at: datetime
    responses: Mapping[str, float] = field(default_factory=dict)
    """By type in small letters: `cds`."""
    size: float = 0.0
    """Bytes."""
    refused: float = 0.0
    pushes: float = 0.0
    """Times that a change made us push."""
    proxies: float = 0.0


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that is shown, at one moment."""

    now: datetime
    proxies: tuple[ProxyRow, ...] = ()
    services: tuple[ServiceRow, ...] = ()
    calls: tuple[Call, ...] = ()
    problems: tuple[Problem, ...] = ()
    samples: tuple[Sample, ...] = ()
    """Oldest first."""
    certificates: tuple[CertificateRow, ...] = ()
    workloads: tuple[WorkloadCertificate, ...] = ()
    objects: Mapping[str, int] = field(default_factory=dict)
    """How many objects of each kind were read."""
