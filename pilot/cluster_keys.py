"""The public keys by which a cluster's API server signs tokens, so that most tokens cost no question to it.

In: a client of the cluster. Out: a `KeyCache` once its issuer is known; None before, and where it may not be known:
then every new token is reviewed. Decides nothing about tokens.
Source: certificate authority behaviour 1.2 "Kubernetes JWT".
"""

import asyncio
import json
import logging
from typing import NoReturn, Protocol

from ca.authn.key_sets import KeyCache
from ca.errors import KeySetError, KubernetesError

DISCOVERY, KEYS = "/.well-known/openid-configuration", "/openid/v1/jwks"
AGAIN = 60.0
"""Seconds until the issuer is asked for again; arbitrary."""

_log = logging.getLogger("ca")


class Reader(Protocol):
    """The part of a client that is needed."""

    async def read(self, path: str) -> bytes:
        """What a GET answers. Raises: KubernetesError."""
        ...


class ClusterKeys:
    """Of one cluster. `serve` it."""

    def __init__(self, client: Reader) -> None:
        self._client = client
        self.cache: KeyCache | None = None

    async def serve(self) -> NoReturn:
        """Finds the issuer, then keeps its keys fresh; ends only by cancellation."""
        while True:
            try:
                issuer = await self._issuer()
            except KeySetError as error:
                _log.info(f"tokens are reviewed by the API server, one by one: {error}")
                await asyncio.sleep(AGAIN)
                continue
            self.cache = KeyCache(issuer, self._fetch, KEYS)
            await self.cache.serve_refresh()

    async def _issuer(self) -> str:
        try:
            issuer = json.loads(await self._fetch(DISCOVERY))["issuer"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise KeySetError(f"{DISCOVERY}: expected an issuer, got none") from error
        if not isinstance(issuer, str) or not issuer:
            raise KeySetError(f"{DISCOVERY}: expected an issuer, got something else")
        return issuer

    async def _fetch(self, path: str) -> bytes:
        try:
            return await self._client.read(path)
        except KubernetesError as error:
            raise KeySetError(str(error)) from error
