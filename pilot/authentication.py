"""Callers of the secure port, for the xDS server: the certificate authority's answer in the server's own errors.

In: a servicer context. Out: identities. Decides nothing: see `ca.authn`.
"""

import logging
from typing import Any

from ca.authn.grpc_call import GrpcAuthentication
from ca.errors import UnauthenticatedError
from pilot.errors import Unauthenticated
from pilot.xds.discovery import Authenticate

_log = logging.getLogger("ads")


def translated(authentication: GrpcAuthentication) -> Authenticate:
    """`authentication` as the xDS server wants it. The caller sees no reason, the log does."""

    async def authenticate(context: Any, /) -> tuple[str, ...] | None:
        try:
            return await authentication.authenticate(context)
        except UnauthenticatedError as error:
            _log.info("stream of %s refused: %s", authentication.read(context).peer, error)
            raise Unauthenticated("authentication failure") from error

    return authenticate
