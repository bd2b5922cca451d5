"""Who holds which certificate and trusts which roots, and what of that a change of root has to wait for.

Comes in: what was issued, and what proxies report. Goes out: `Holding`s, and the `Laggard`s of a stage. No clock, no
I/O: `ca.rollover.ledger` keeps them.

Who tells what a proxy trusts? An agent of ours reports what its Envoy has acknowledged. Another agent trusts what came
with its last certificate, and shows that certificate until it asks for the next one, or until it expires.

Source: issue "certificate authority", part 5; CA behaviour 1.1 (root bundle in each answer).
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ca import bundle
from ca.authn.caller import Caller
from ca.bundle import Bundle
from ca.rollover.stages import Rollover, Stage

FINGERPRINT_DIGITS = 32
LONGEST_NAME = 256
"""Characters that are kept of what others chose; arbitrary."""


class Holder(NamedTuple):
    """One workload: its identity, and which of the workloads of that identity it is (pod and namespace, or address)."""

    identity: str
    instance: str

    def __str__(self) -> str:
        return f"{self.identity} ({self.instance})"


class Holding(msgspec.Struct, frozen=True, array_like=True):
    """What one holder has."""

    signer: str
    """Fingerprint of the root under which its certificate verifies; empty: it has none of ours."""
    roots: tuple[str, ...]
    """Fingerprints of the roots that it trusts."""
    expiry: int
    """Of the certificate, seconds of Unix time."""

    def is_in_use(self, now: datetime) -> bool:
        """Its certificate has not expired."""
        return self.expiry > now.timestamp()


class Laggard(msgspec.Struct, frozen=True):
    """Somebody whom a stage waits for."""

    who: str
    why: str
    until: datetime
    """It is waited for no longer than this: its certificate expires."""


@lru_cache(maxsize=64)
def fingerprint(pem: str) -> str:
    """A short name for a certificate."""
    return fingerprint_of(bundle.decode_certificates(pem.encode(), "root")[0])


def fingerprint_of(certificate: x509.Certificate) -> str:
    """As `fingerprint`."""
    return certificate.fingerprint(hashes.SHA256()).hex()[:FINGERPRINT_DIGITS]


def holder_of(identities: tuple[str, ...], caller: Caller, named: str) -> Holder:
    """Whose certificate it is. `named`: what the caller says that it is, of those with its identity."""
    pod = caller.pod
    is_own = identities == caller.identities
    instance = f"{pod.name}.{pod.namespace}" if pod and is_own else named or (f"by {pod.name}" if pod else "")
    return Holder(identities[0][:LONGEST_NAME], instance[:LONGEST_NAME])


def signer_of(signing: Bundle) -> str:
    """Fingerprint of the root under which leaves of a bundle verify; of several, the first it trusts."""
    return fingerprint_of(signing.root_certificates[0] if signing.chain else signing.certificate)


def find_laggards(
    rollover: Rollover,
    holdings: Mapping[Holder, Holding],
    connected: Iterable[Holder],
    *,
    unknown_until: datetime | None,
    now: datetime,
) -> tuple[Laggard, ...]:
    """Whom the stage waits for, by name. `connected`: who reports; such are waited for even without a certificate.

    `unknown_until`: when the last certificate expires that was issued before anybody counted; None: all are known.
    """
    if rollover.is_over:
        return ()
    old, new = fingerprint(rollover.old.certificate), fingerprint(rollover.new.certificate)
    following = frozenset(connected)
    found = []
    for holder, each in sorted(holdings.items()):
        if each.is_in_use(now) or holder in following:
            why = _lag(rollover.stage, each, old, new)
            if why:
                found.append(Laggard(str(holder), why, datetime.fromtimestamp(each.expiry, UTC)))
    if unknown_until is not None and unknown_until > now and rollover.stage is not Stage.DROPPING:
        found.append(Laggard("others", "certificates that were issued before they were counted", unknown_until))
    return tuple(found)


def _lag(stage: Stage, holding: Holding, old: str, new: str) -> str:
    match stage:
        case Stage.ADDING:
            return "" if new in holding.roots else "does not trust the new root yet"
        case Stage.RENEWING:
            if new not in holding.roots:
                return "does not trust the new root"
            return "has a certificate of the old root" if holding.signer == old else ""
        case Stage.DROPPING:
            return "still trusts the old root" if old in holding.roots else ""
        case _:
            return ""
