"""Fetches the public keys of an issuer: one question, one answer, within limits.

In: where keys are, address ranges that nobody may make us call. Out: a JSON Web Key Set as text, or why there is none.
Does not try again and remembers nothing: `keys.py` does. Source: xDS behaviour 7.6; OpenID Connect Discovery 1.0.
"""

import asyncio
import json
import socket
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from pilot.model.key_sets import KeySource, is_url, key_set_error

MAX_BYTES: Final = 1 << 20
"""Arbitrary: the key sets of large issuers have some ten thousand bytes."""
MAX_REDIRECTS: Final = 3
TIMEOUT: Final = 10.0
"""Seconds for one document, redirects included."""
Network = IPv4Network | IPv6Network


class KeysUnavailableError(Exception):
    """There are no keys to be had now; says why, in words for the one who wrote the policy."""


class KeyFetcher:
    """Asks issuers. `blocked`: ranges into which no name and no redirect leads; `insecure`: any certificate will do."""

    def __init__(self, blocked: Sequence[Network] = (), *, insecure: bool = False, timeout: float = TIMEOUT) -> None:
        self._blocked = tuple(blocked)
        self._insecure = insecure
        self._timeout = timeout

    async def fetch(self, source: KeySource) -> str:
        """The key set at a place, as text. Raises: KeysUnavailableError."""
        connector = aiohttp.TCPConnector(resolver=_Resolver(self._blocked), force_close=True, ssl=not self._insecure)
        async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:
            url = source.url
            if source.is_discovery:
                url = _jwks_uri(await self._document(session, url))
            text = await self._document(session, url)
        error = key_set_error(text)
        if error is not None:
            raise KeysUnavailableError(error)
        return text

    async def _document(self, session: aiohttp.ClientSession, url: str) -> str:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._follow(session, url)
        except TimeoutError:
            raise KeysUnavailableError(f"no answer within {self._timeout:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise KeysUnavailableError(_in_words(error)) from error

    async def _follow(self, session: aiohttp.ClientSession, url: str) -> str:
        for _ in range(MAX_REDIRECTS + 1):
            self._check(url)
            async with session.get(url, allow_redirects=False, headers={"accept": "application/json"}) as answer:
                if answer.status in (301, 302, 303, 307, 308):
                    following = str(answer.url.join(URL(answer.headers.get("location", ""))))
                    if url.startswith("https:") and not following.startswith("https:"):
                        raise KeysUnavailableError("a redirect leaves https")
                    url = following
                    continue
                if answer.status != 200:
                    raise KeysUnavailableError(f"expected status 200, got {answer.status}")
                return await _text(answer)
        raise KeysUnavailableError(f"more than {MAX_REDIRECTS} redirects")

    def _check(self, url: str) -> None:
        """Names are checked when they are looked up; addresses never are looked up."""
        if not is_url(url):
            raise KeysUnavailableError("expected an http or https URL")
        host = URL(url).host or ""
        try:
            ip_address(host)
        except ValueError:
            return
        _refuse_blocked(host, self._blocked)


async def _text(answer: aiohttp.ClientResponse) -> str:
    content = bytearray()
    async for part in answer.content.iter_chunked(16_384):
        content += part
        if len(content) > MAX_BYTES:
            raise KeysUnavailableError(f"expected at most {MAX_BYTES} bytes, got more")
    return content.decode("utf-8")


def _jwks_uri(text: str) -> str:
    """Where the OpenID document of an issuer says that its keys are."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    uri = value.get("jwks_uri") if isinstance(value, dict) else None
    if not isinstance(uri, str) or not is_url(uri):
        raise KeysUnavailableError("expected an OpenID document with a jwks_uri, got none")
    return uri


def _in_words(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return (text[:1].lower() + text[1:])[:300]


def _refuse_blocked(address: str, blocked: Sequence[Network]) -> None:
    parsed = ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if parsed.version == 6 else None
    for each in blocked:
        if parsed in each or (mapped is not None and mapped in each):
            raise KeysUnavailableError("the host is in a range that is blocked by BLOCKED_CIDRS_IN_JWKS_URIS")


class _Resolver(AbstractResolver):
    """The system's, without names that lead into blocked ranges: what is checked is what is dialled."""

    def __init__(self, blocked: Sequence[Network]) -> None:
        self._system = ThreadedResolver()
        self._blocked = blocked

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._system.resolve(host, port, family)
        for each in found:
            _refuse_blocked(each["host"], self._blocked)
        return found

    async def close(self) -> None:
        await self._system.close()
