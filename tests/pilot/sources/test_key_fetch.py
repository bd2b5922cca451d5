"""Fetching keys of issuers: real HTTP on loopback, within limits."""

import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_network
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from pilot.model.key_sets import KeySource
from pilot.sources.key_fetch import MAX_BYTES, KeyFetcher, KeysUnavailableError
from tests.loopback import network
from tests.pilot.agent.small_ca import SmallCa, key_pem, pem

KEYS = '{"keys":[{"kty":"EC"}]}'
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
PORT = 8090


@contextlib.asynccontextmanager
async def issuer(answer: Answer, certificate: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The URL of a server that answers so."""
    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    with network() as addresses:
        try:
            await web.TCPSite(runner, addresses.address(2), PORT, ssl_context=certificate).start()
            yield f"http{'s' if certificate else ''}://{addresses.address(2)}:{PORT}"
        finally:
            await runner.cleanup()


def always(text: str, status: int = 200) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=text, status=status)

    return answer


async def refusal(source: KeySource, fetcher: KeyFetcher | None = None) -> str:
    """Why there are no keys."""
    with pytest.raises(KeysUnavailableError) as caught:
        await (fetcher or KeyFetcher()).fetch(source)
    return str(caught.value)


async def test_keys_are_had_as_they_are() -> None:
    async with issuer(always(KEYS)) as url:
        assert await KeyFetcher().fetch(KeySource(f"{url}/keys")) == KEYS


async def test_the_openid_document_says_where_keys_are() -> None:
    async def answer(request: web.Request) -> web.Response:
        base = f"http://{request.host}"
        return web.Response(text=KEYS if request.path == "/k" else json.dumps({"jwks_uri": f"{base}/k"}))

    async with issuer(answer) as url:
        assert await KeyFetcher().fetch(KeySource(f"{url}/.well-known/openid-configuration", True)) == KEYS


@pytest.mark.parametrize("document", ["nonsense", "[]", "{}", '{"jwks_uri":"ftp://x/y"}'])
async def test_an_openid_document_without_a_place(document: str) -> None:
    async with issuer(always(document)) as url:
        assert "jwks_uri" in await refusal(KeySource(url, is_discovery=True))


async def test_what_is_no_key_set_is_no_answer() -> None:
    async with issuer(always("<html>")) as url:
        assert "expected JSON" in await refusal(KeySource(url))
    async with issuer(always(KEYS, 500)) as url:
        assert await refusal(KeySource(url)) == "expected status 200, got 500"


async def test_an_endless_answer_ends() -> None:
    async with issuer(always(" " * (MAX_BYTES + 1))) as url:
        assert "bytes" in await refusal(KeySource(url))


async def test_redirects_are_followed_but_not_for_ever() -> None:
    async def answer(request: web.Request) -> web.Response:
        left = int(request.path.strip("/"))
        if not left:
            return web.Response(text=KEYS)
        return web.Response(status=302, headers={"location": f"/{left - 1}"})

    async with issuer(answer) as url:
        assert await KeyFetcher().fetch(KeySource(f"{url}/3")) == KEYS
        assert "redirects" in await refusal(KeySource(f"{url}/4"))


async def test_nobody_waits_for_ever() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await request.content.read()
        while True:
            await response.write(b" ")

    async with issuer(answer) as url:
        words = await refusal(KeySource(url), KeyFetcher(timeout=0.001))
        assert "no answer within" in words or "bytes" in words


async def test_nobody_there() -> None:
    with network() as addresses:
        assert "connect" in await refusal(KeySource(f"http://{addresses.address(9)}:{PORT}"))
    assert await refusal(KeySource("file:///etc/passwd")) == "expected an http or https URL"


async def test_blocked_ranges_are_reached_by_no_address_name_or_redirect() -> None:
    async with issuer(always(KEYS)) as url:
        closed = KeyFetcher([ip_network("127.0.0.0/8"), ip_network("::1/128")])
        assert "blocked" in await refusal(KeySource(url), closed)
        assert "blocked" in await refusal(KeySource(f"http://localhost:{PORT}"), closed)
        assert "blocked" in await refusal(KeySource(url.replace("//", "//[::ffff:").replace(":8090", "]:8090")), closed)

    with network() as other:
        target = f"http://{other.address(3)}:{PORT}"

        async def elsewhere(_: web.Request) -> web.Response:
            return web.Response(status=307, headers={"location": target})

        async with issuer(elsewhere) as url:
            half_closed = KeyFetcher([ip_network(f"{other.address(0)}/24")])
            assert "blocked" in await refusal(KeySource(url), half_closed)


async def test_a_certificate_that_nobody_knows_is_refused_unless_any_will_do(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "key").write_bytes(key_pem(key))
    (tmp_path / "certificate").write_text(pem(SmallCa().sign(key.public_key(), hosts=["issuer"])))
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
    async with issuer(always(KEYS), own) as url:
        assert "certificate" in await refusal(KeySource(url))
        assert await KeyFetcher(insecure=True).fetch(KeySource(url)) == KEYS
