"""Public keys of token issuers (JWKS): fetched beside the path of requests, kept for as long as nothing newer is had.

Comes in: an issuer's address, and a way to fetch. Goes out: keys by name, at once. A failed fetch costs nothing but a
log line while there are keys. A token that names a key which is not known (the issuer has just begun to use it) asks
for a fetch, at most one every few seconds whoever asks, and waits for it briefly.

Source: RFC 7517; OpenID Connect Discovery 1.0; CA behaviour 1.2 "OIDC".
"""

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ca.authn.signed_token import VerificationKey
from ca.errors import CredentialError, KeySetError

REFRESH = timedelta(minutes=20)
RETRY = timedelta(seconds=10)
"""After a failed fetch; and the least time between two fetches, whoever asks for them."""
WAIT_SECONDS = 3.0
"""How long a request waits for a key that has just come into use; arbitrary."""
MAX_KEYS = 256
MIN_RSA_BITS = 2048

Fetch = Callable[[str], Awaitable[bytes]]
"""URL -> body. Raises: KeySetError."""

_log = logging.getLogger("ca")


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of one issuer that can verify a signature."""

    by_name: Mapping[str, VerificationKey] = field(default_factory=dict)
    nameless: tuple[VerificationKey, ...] = ()

    def find(self, key_id: str) -> VerificationKey | None:
        """The key of that name; for a token that names none, the only key there is."""
        if key_id:
            return self.by_name.get(key_id)
        keys = (*self.by_name.values(), *self.nameless)
        return keys[0] if len(keys) == 1 else None


def decode_key_set(body: bytes) -> KeySet:
    """A JWKS document. Keys of other kinds or for encryption, weak and broken ones are left out.

    Raises: KeySetError where it is no such document, or no key is left.
    """
    document = _decode_object(body, "key set")
    keys = document.get("keys")
    if not isinstance(keys, list):
        raise KeySetError("key set: expected a list of keys")
    by_name: dict[str, VerificationKey] = {}
    nameless: list[VerificationKey] = []
    for each in keys[:MAX_KEYS]:
        key = _decode_key(each)
        if key is None:
            continue
        name = each.get("kid")
        if isinstance(name, str) and name:
            by_name[name] = key
        else:
            nameless.append(key)
    if not by_name and not nameless:
        raise KeySetError(f"key set: expected a public key for signatures, got none among {len(keys)}")
    return KeySet(by_name, tuple(nameless))


class KeyCache:
    """The keys of one issuer."""

    def __init__(self, issuer: str, fetch: Fetch, url: str = "", refresh: timedelta = REFRESH) -> None:
        """`url`: of the key set; found by discovery where it is empty."""
        self.issuer = issuer
        self._fetch = fetch
        self._url = url
        self._refresh = refresh
        self._keys = KeySet()
        self._wanted = asyncio.Event()
        self._fetched = asyncio.Event()
        self._tried_at = float("-inf")
        self.generation = 0
        """Grows when the keys change: what older ones vouched for is to be asked again."""

    async def find(self, key_id: str) -> VerificationKey:
        """The key that a token names. Raises: CredentialError where it is not known and not to be had now."""
        key = self._keys.find(key_id)
        if key is not None:
            return key
        loop = asyncio.get_running_loop()
        if loop.time() - self._tried_at >= RETRY.total_seconds():
            fetched = self._fetched
            self._wanted.set()
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    await fetched.wait()
            except TimeoutError:
                pass
            key = self._keys.find(key_id)
        if key is None:
            raise CredentialError(f"token names the key {key_id[:80]!r}, which its issuer is not known to have")
        return key

    async def serve_refresh(self) -> None:
        """Fetches, now and from time to time; ends only by cancellation."""
        loop = asyncio.get_running_loop()
        while True:
            self._wanted.clear()
            self._tried_at = loop.time()
            is_good = await self._try()
            self._fetched.set()
            self._fetched = asyncio.Event()
            pause = self._refresh * random.uniform(0.9, 1.1) if is_good else RETRY
            try:
                async with asyncio.timeout(pause.total_seconds()):
                    await self._wanted.wait()
            except TimeoutError:
                pass

    async def _try(self) -> bool:
        try:
            found = decode_key_set(await self._fetch(self._url or await self._discover()))
        except KeySetError as error:
            kept = "the last good ones are kept" if self.generation else "there are none yet"
            _log.warning(f"keys of token issuer {self.issuer} not fetched, {kept}: {error}")
            return False
        if found != self._keys:
            self._keys = found
            self.generation += 1
        return True

    async def _discover(self) -> str:
        document = _decode_object(
            await self._fetch(self.issuer.rstrip("/") + "/.well-known/openid-configuration"), "discovery document"
        )
        if document.get("issuer") != self.issuer:
            raise KeySetError(f"discovery document: expected issuer {self.issuer}, got another")
        url = document.get("jwks_uri")
        if not isinstance(url, str):
            raise KeySetError("discovery document: expected jwks_uri")
        return url


def _decode_object(body: bytes, what: str) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise KeySetError(f"{what}: expected JSON, got {len(body)} bytes of something else") from error
    if not isinstance(document, dict):
        raise KeySetError(f"{what}: expected an object")
    return document


def _decode_key(found: Any) -> VerificationKey | None:
    if not isinstance(found, dict) or found.get("use", "sig") != "sig":
        return None
    try:
        key = jwt.PyJWK.from_dict(found).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None
    match key:
        case rsa.RSAPublicKey() if key.key_size >= MIN_RSA_BITS:
            return key
        case ec.EllipticCurvePublicKey() | ed25519.Ed25519PublicKey():
            return key
        case _:  # shared secrets above all: whoever reads the set could sign with them
            return None
