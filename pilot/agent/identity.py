"""Keeps the workload's certificate fresh, from the first request to the last renewal.

In: `AgentOptions`, the root file, a `CertificateAuthority`. Out: the secrets `default` and `ROOTCA` in the
`SecretStore`, replaced before they expire. What is in use stays in use whatever happens here: a failure is logged and
tried again. Does not know Envoy.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from cryptography import x509

from pilot.agent import file_watch
from pilot.agent.certificate_authority import CertificateAuthority, Credentials
from pilot.agent.errors import AgentError, CertificateError, SigningError, TokenError
from pilot.agent.options import AgentOptions
from pilot.agent.renewal import ATTEMPTS, backoff, pause, renewal_delay
from pilot.agent.secret import build_certificate, build_roots
from pilot.agent.secret_store import SecretStore
from pilot.agent.workload_certificate import (
    WorkloadCertificate,
    accept_answer,
    build_csr,
    chains_to,
    decode_certificates,
    encode_certificates,
    fingerprint,
    generate_key,
)

logger = logging.getLogger("agent")

RENEWALS, RENEWAL_SPREAD = 3, 1.0  # how often, and within how many seconds, a change of signer is followed
LONGEST_SLEEP = timedelta(seconds=60)  # then the clock is read again: a host that was suspended wakes up late


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


class Identity:
    """The certificate of one workload. `draw` gives random numbers between 0 and 1."""

    def __init__(
        self,
        options: AgentOptions,
        store: SecretStore,
        authority: CertificateAuthority,
        clock: Callable[[], datetime] = utc_now,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.certificate: WorkloadCertificate | None = None
        self.available = asyncio.Event()
        """Set once there is a certificate."""
        self._options = options
        self._store = store
        self._authority = authority
        self._clock = clock
        self._draw = draw
        self._due = clock()
        self._hurry = asyncio.Event()
        self._prefers_token = False
        self.signer = ""
        """Fingerprint of the root that certificates are to lead to; empty where the control plane does not say."""
        self._followed: tuple[x509.Certificate, ...] | None = None
        self._renewals_left = 0
        self._root_signature: file_watch.Signature | None = None
        self._file_roots: tuple[x509.Certificate, ...] = ()

    async def serve(self) -> NoReturn:
        """Asks for a certificate, waits until the next is due, and so on until cancelled."""
        while True:
            await self._obtain()
            while (left := self._due - self._clock()) > timedelta(0):
                await self._sleep(min(left, LONGEST_SLEEP))

    def renew_now(self) -> None:
        """Ends every wait: the next request for a certificate is due now."""
        self._due = self._clock()
        self._hurry.set()

    def follow(self, roots: tuple[x509.Certificate, ...], signer: str, spread: float) -> None:
        """The control plane says what to trust. Whose certificate leads to another root than `signer` renews it at a
        random moment within `spread` seconds.
        """
        self._followed, self.signer, self._renewals_left = roots, signer, RENEWALS
        self._publish_roots()
        self._renew_for_signer(spread)

    def roots(self) -> tuple[x509.Certificate, ...]:
        """What this workload trusts: the root file, and what the control plane that it vouches for added."""
        if self._followed is not None:
            return tuple(dict.fromkeys((*self._file_roots, *self._followed)))
        learned = self.certificate.roots if self.certificate is not None else ()
        return tuple(dict.fromkeys((*self._file_roots, *learned)))

    def _renew_for_signer(self, spread: float) -> None:
        """An answer may have been under way when the signer changed; but a signer that is never obeyed is let be."""
        certificate, signer = self.certificate, self.signer
        if certificate is None or not signer or not self._renewals_left:
            return
        wanted = [each for each in self.roots() if fingerprint(each) == signer]
        if wanted and not chains_to(certificate.chain, wanted):
            self._renewals_left -= 1
            due = self._clock() + timedelta(seconds=self._draw() * spread)
            self._due = min(self._due, due)
            self._hurry.set()

    def reread_roots(self) -> None:
        """Takes over a changed root file; a certificate that none of the roots in it vouches for is renewed at once.

        A file that is missing or broken is reported once, and what was last read from it stays.
        """
        signature = file_watch.signature(self._options.root)
        if signature == self._root_signature:
            return
        self._root_signature = signature
        try:
            self._file_roots = self._read_roots()
        except CertificateError as error:
            logger.warning(f"{self._options.name}: {error}")
            return
        self._publish_roots()
        if self.certificate is None:
            self._hurry.set()  # whoever waits for a root waits no longer
        elif not chains_to(self.certificate.chain, self._file_roots):
            logger.info(f"{self._options.name}: {self._options.root} changed: the certificate is renewed")
            self.renew_now()

    async def _obtain(self) -> None:
        """Gets a certificate, however long it takes."""
        is_first = True
        while True:
            failure = await self._try_repeatedly(is_first)
            if failure is None:
                return
            is_first = False
            is_refused = not (isinstance(failure, SigningError) and failure.is_retriable)
            delay = pause(self._remaining(), is_refused=is_refused)
            state = self._describe_remaining()
            logger.warning(f"{self._options.name}: no certificate from {self._options.discovery}: {failure}; {state}")
            await self._sleep(delay)

    async def _try_repeatedly(self, is_first: bool) -> AgentError | None:
        """One request with its retries. Returns the last failure, None where it succeeded."""
        for attempt in range(ATTEMPTS + 1):
            try:
                await self._ask()
                return None
            except SigningError as error:
                may_switch = self._switch_credentials()
                if attempt == ATTEMPTS or not (error.is_retriable or may_switch):
                    return error
                if attempt == 0 and is_first:
                    logger.info(f"{self._options.name}: no answer from {self._options.discovery} yet: {error}")
                await self._sleep(backoff(attempt, self._draw()))
            except AgentError as error:
                return error
        return None

    async def _ask(self) -> None:
        """One attempt. Raises: SigningError, CertificateError, TokenError."""
        self.reread_roots()
        trusted = self.roots()
        if not trusted:
            message = f"root file {self._options.root}: there is none to trust yet"
            raise CertificateError(message)
        key = await asyncio.to_thread(generate_key, self._options.key_type)
        csr = build_csr(key, self._options.spiffe_id)
        credentials = await self._credentials()
        answer = await self._authority.sign(csr, encode_certificates(trusted), credentials)
        now = self._clock()
        certificate = accept_answer(answer, key, self._options.spiffe_id, trusted, now)
        self.certificate = certificate
        self._prefers_token = False
        self._due = now + renewal_delay(now, certificate.not_after, self._options.renewal, self._draw())
        self._store.put(build_certificate(certificate))
        self._publish_roots()
        self._renew_for_signer(RENEWAL_SPREAD)
        self.available.set()
        logger.info(
            f"{self._options.name}: certificate {certificate.serial} for {self._options.spiffe_id} until "
            f"{certificate.not_after:%Y-%m-%d %H:%M:%S}Z, to be renewed at {self._due:%Y-%m-%d %H:%M:%S}Z"
        )

    async def _credentials(self) -> Credentials | None:
        """The certificate in use while it is valid, else a token. Raises: TokenError."""
        valid = self.certificate if self._remaining() > timedelta(0) else None
        if valid is not None and not self._prefers_token:
            return valid
        try:
            return await self._options.token.read() or valid
        except TokenError:
            if valid is None:
                raise
            return valid

    def _switch_credentials(self) -> bool:
        """After a failure the other kind of credentials is tried: a new control plane may not know our certificate.

        Returns whether that is a reason to try again at once.
        """
        self._prefers_token = self._remaining() > timedelta(0) and not self._prefers_token
        return self._prefers_token

    def _publish_roots(self) -> None:
        roots = self.roots()
        if roots:
            self._store.put(build_roots(roots))

    def _read_roots(self) -> tuple[x509.Certificate, ...]:
        what = f"root file {self._options.root}"
        try:
            return decode_certificates(self._options.root.read_bytes(), what)
        except OSError as error:
            message = f"{what}: {error.strerror}"
            raise CertificateError(message) from error

    def _remaining(self) -> timedelta:
        """The life left of the certificate in use; negative once it expired, zero where there is none."""
        return self.certificate.not_after - self._clock() if self.certificate is not None else timedelta(0)

    def _describe_remaining(self) -> str:
        if self.certificate is None:
            return "envoy is not started before there is one"
        until = f"{self.certificate.not_after:%Y-%m-%d %H:%M:%S}Z"
        return f"the one in use is good until {until}" if self._remaining() > timedelta(0) else f"it expired at {until}"

    async def _sleep(self, delay: timedelta) -> None:
        """Waits, or until `renew_now`."""
        self._hurry.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(delay.total_seconds(), 0)):
                await self._hurry.wait()
