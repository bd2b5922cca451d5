"""Certificates of listeners that are past their time: they are served, and clients refuse them.

In: judged listeners, Secrets, the time. Out: the listeners, with that fault where it is so. Source: Gateway API 1.4
(InvalidCertificateRef).
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from pilot.gatewayapi.attachment import Listeners
from pilot.gatewayapi.faults import Fault, Reason
from pilot.gatewayapi.listeners import JudgedListener
from pilot.model.certificates import end_of
from pilot.model.secret import Secret
from pilot.model.snapshot import Snapshot

_SCHEME: Final = "kubernetes-gateway://"


def told(listeners: Listeners, snapshot: Snapshot, now: datetime | None) -> Listeners:
    """As they are where nobody says what the time is."""
    if now is None:
        return listeners
    return {place: tuple(_told(each, snapshot, now) for each in found) for place, found in listeners.items()}


def _told(judged: JudgedListener, snapshot: Snapshot, now: datetime) -> JudgedListener:
    faults = tuple(_expired(judged, snapshot, now))
    return replace(judged, unresolved=(*judged.unresolved, *faults)) if faults else judged


def _expired(judged: JudgedListener, snapshot: Snapshot, now: datetime) -> Iterator[Fault]:
    tls = judged.converted.spec.servers[0].tls if judged.converted is not None else None
    for name in (tls.credential_names or (tls.credential_name,)) if tls is not None else ():
        namespace, _, secret = name.removeprefix(_SCHEME).partition("/")
        declared = snapshot.seen.get(Secret, namespace, secret) if name.startswith(_SCHEME) else None
        end = end_of(declared) if declared is not None else None
        if end is not None and end <= now:
            message = f"expected a certificate that is valid, got one that expired at {end:%Y-%m-%dT%H:%M:%SZ}"
            yield Fault(f"Secret {namespace}/{secret}: {message}", Reason.INVALID_CERTIFICATE)
