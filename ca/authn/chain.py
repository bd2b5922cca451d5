"""Asks authenticators in order; the first that knows the caller decides.

Comes in: a `Call`. Goes out: the `Caller`, or an `UnauthenticatedError` with everybody's reason, which the shell logs
and the caller never sees. The same chain serves the CA and the xDS streams, which differ in what plaintext means.

Source: CA behaviour 1.2, 1.3.
"""

from dataclasses import dataclass

from ca.authn.caller import Authenticator, Call, Caller
from ca.errors import CredentialError, UnauthenticatedError


@dataclass(frozen=True, slots=True)
class Chain:
    """Authenticators in istiod's order: client certificate first, then tokens."""

    authenticators: tuple[Authenticator, ...]
    is_enabled: bool = True
    """XDS_AUTH: when off, nobody is authenticated: streams are accepted, certificates are not signed."""
    is_plaintext_included: bool = False
    """XDS_AUTH_PLAINTEXT: plaintext calls are authenticated as well."""

    async def identify(self, call: Call) -> Caller:
        """Who is calling, where somebody must be: the certificate service.

        Raises: UnauthenticatedError.
        """
        if not self.is_enabled:
            raise UnauthenticatedError((("authentication", "switched off"),))
        if not self._applies(call):
            raise UnauthenticatedError((("connection", "plaintext"),))
        return await self._ask(call)

    async def identities(self, call: Call) -> tuple[str, ...] | None:
        """Who opens a stream; None where nobody is asked: without TLS, or with authentication switched off.

        Raises: UnauthenticatedError. Source: xDS behaviour 1.2 (4).
        """
        if not self.is_enabled or not self._applies(call):
            return None
        return (await self._ask(call)).identities

    def _applies(self, call: Call) -> bool:
        return call.is_secure or self.is_plaintext_included

    async def _ask(self, call: Call) -> Caller:
        reasons: list[tuple[str, str]] = []
        for authenticator in self.authenticators:
            try:
                return await authenticator.authenticate(call)
            except CredentialError as error:
                reasons.append((authenticator.name, str(error)))
        raise UnauthenticatedError(tuple(reasons))
