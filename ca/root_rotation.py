"""Renews the self-signed root before it expires, with the key it has: what it signed goes on being trusted.

Comes in: the authority, the place where the root is stored (a state directory, a Secret of Kubernetes), the clock.
Goes out: a new root certificate in both. Several replicas share a store: each looks there first, and takes over what
another one renewed. A plugged-in CA is its operator's to renew.

Source: CA behaviour 1.7 "Rotation of the self-signed root".
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from cryptography import x509

from ca import bundle, signer, template, validate
from ca.authority import Authority
from ca.bundle import Bundle
from ca.errors import BundleError, CaError
from ca.reload import is_same

_log = logging.getLogger("ca")


@dataclass(frozen=True, slots=True)
class RotationPolicy:
    """When a root is renewed: `grace_percent` of its life before its end, looked at every `interval` (0: never)."""

    interval: timedelta = timedelta(hours=1)
    grace_percent: int = 20
    has_jitter: bool = True
    """The first look is delayed by a random part of the interval, so that replicas do not look at once."""
    lifetime: timedelta = timedelta(hours=87600)
    """Of the new root."""


class RootStore(Protocol):
    """Where the self-signed root lies."""

    async def load(self) -> Bundle:
        """What is stored now. Raises: CaError."""
        ...

    async def save(self, renewed: Bundle) -> None:
        """Replaces it; when it fails, what was stored is still there. Raises: CaError."""
        ...


def is_due(certificate: x509.Certificate, grace_percent: int, now: datetime) -> bool:
    """Less than that share of its life is left."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return end - now < (end - begin) * grace_percent / 100


def renew(old: Bundle, lifetime: timedelta, *, now: datetime, serial: int) -> Bundle:
    """The same key and name under a new certificate; it takes the old one's place among the roots, others stay.

    Raises: BundleError where the bundle is not self-signed; SigningError.
    """
    certificate, key = old.certificate, old.key.reveal()
    if certificate.subject != certificate.issuer:
        raise BundleError("signing certificate: expected a self-signed root, got one that another CA issued")
    organization = template.organization_of(certificate)
    meant = template.build_root(organization, key.public_key(), lifetime, now=now, serial=serial)
    root = signer.sign(meant, key)
    validate.check(root, meant, root)
    pem = bundle.encode_certificate(root)
    others = [bundle.encode_certificate(each) for each in old.root_certificates if each != certificate]
    found = bundle.decode_bundle(
        pem.encode(), bundle.encode_private_key(key), b"", "".join([pem, *others]).encode(), now=now
    )
    return replace(found, key=old.key)


class RootRotation:
    """Looks after the root of one authority."""

    def __init__(
        self,
        authority: Authority,
        store: RootStore,
        policy: RotationPolicy | None = None,
        jitter: Callable[[], float] = random.random,
        is_held: Callable[[], bool] = lambda: False,
    ) -> None:
        """`is_held`: the root is being changed by somebody else at this moment, and is let be."""
        self._is_held = is_held
        self._authority = authority
        self._store = store
        self._policy = policy or RotationPolicy()
        self._jitter = jitter

    async def serve_rotation(self) -> None:
        """Looks every interval; ends only by cancellation. With an interval of zero it does nothing, for ever."""
        interval = self._policy.interval.total_seconds()
        if interval <= 0:
            await asyncio.Event().wait()
        if self._policy.has_jitter:
            await asyncio.sleep(self._jitter() * interval)
        while True:
            try:
                await self.check()
            except CaError as error:
                _log.error(f"self-signed root stays as it was, the next look is in {interval:.0f} s: {error}")
            await asyncio.sleep(interval)

    async def check(self) -> bool:
        """Looks once; whether another root is in force now.

        Raises: CaError where the store cannot be used or the root not be renewed; then nothing has changed.
        """
        if self._is_held():
            return False
        authority, policy = self._authority, self._policy
        stored = await self._store.load()
        if not is_due(stored.certificate, policy.grace_percent, authority.clock()):
            if is_same(stored, authority.bundle):
                return False
            _log.info("self-signed root was renewed by another replica")
            authority.replace(stored)
            return True
        renewed = await asyncio.to_thread(
            renew, stored, policy.lifetime, now=authority.clock(), serial=authority.new_serial()
        )
        await self._store.save(renewed)
        authority.replace(renewed)
        expiry = renewed.certificate.not_valid_after_utc
        _log.info(f"self-signed root was renewed, with its old key, and is valid until {expiry:%Y-%m-%dT%H:%M:%SZ}")
        return True
