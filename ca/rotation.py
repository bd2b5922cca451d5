"""Keeps the control plane's own certificate fresh, without a restart and without touching connections that exist.

Comes in: the authority, host names, the clock. Goes out: `context`, the TLS context that the next handshake takes. A
new certificate is made when half of the old one's life is over and when the CA's bundle changes; where that fails, the
old one stays and the next attempt follows soon.

Source: CA behaviour 1.4 (certificate by handshake), 1.11 "Renewal".
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from ca.authority import Authority
from ca.bundle import Bundle
from ca.errors import CaError
from ca.serving import SERVING_LIFETIME, ServingCertificate, build_context, issue_serving
from ca.tls_policy import TlsPolicy

_log = logging.getLogger("ca")

_RETRY = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=1)
"""The clock is looked at this often (arbitrary): a suspended machine or a set clock must not delay a renewal."""


class ServingRotation:
    """The current generation of the control plane's certificate."""

    def __init__(
        self,
        authority: Authority,
        names: tuple[str, ...],
        lifetime: timedelta = SERVING_LIFETIME,
        policy: TlsPolicy | None = None,
        more_roots: Callable[[], str] = str,
    ) -> None:
        """Makes the first certificate: 0.1 to 1 s of CPU with an RSA CA. `more_roots`: PEM of others that clients'
        certificates may lead to. Raises: SigningError.
        """
        self._more_roots = more_roots
        self._authority = authority
        self._names = names
        self._lifetime = lifetime
        self._policy = policy or TlsPolicy()
        self._made_with, self.serving, self._context = self._make()

    @property
    def context(self) -> ssl.SSLContext:
        """For the next handshake."""
        return self._context

    async def renew(self) -> None:
        """A new key and certificate now; the event loop goes on meanwhile. Raises: SigningError; the old one stays."""
        self._made_with, self.serving, self._context = await asyncio.to_thread(self._make)
        expiry = self.serving.certificate.not_valid_after_utc
        _log.info(f"control plane has a new certificate, valid until {expiry:%Y-%m-%dT%H:%M:%SZ}")

    async def serve_rotation(self) -> None:
        """Renews for ever; ends only by cancellation."""
        while True:
            if await self._is_due():
                try:
                    await self.renew()
                except (CaError, ssl.SSLError, OSError) as error:
                    _log.error(f"control plane keeps its old certificate, the next attempt is in {_RETRY}: {error}")
                    await asyncio.sleep(_RETRY.total_seconds())

    async def _is_due(self) -> bool:
        """Waits a while; then whether the bundle changed meanwhile or the time has come."""
        due = self.serving.half_life
        wait = min(due - self._authority.clock(), _LONGEST_WAIT)
        try:
            async with asyncio.timeout(max(wait.total_seconds(), 0)):
                await self._authority.changed_from(self._made_with)
        except TimeoutError:
            return self._authority.clock() >= due
        return True

    def _make(self) -> tuple[Bundle, ServingCertificate, ssl.SSLContext]:
        authority = self._authority
        bundle = authority.bundle
        serving = issue_serving(
            bundle, self._names, now=authority.clock(), serial=authority.new_serial(), lifetime=self._lifetime
        )
        serving = replace(serving, roots=serving.roots + self._more_roots(), policy=self._policy)
        return bundle, serving, build_context(serving)
