"""Keys of issuers: what is read of a document, and what a request costs when the issuer is slow, down or lying."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca.authn import key_sets
from ca.authn.key_sets import KeyCache, decode_key_set
from ca.errors import CredentialError, KeySetError
from tests.ca.makers import ec_key, rsa_key, until

ISSUER = "https://issuer.example"


def jwk(key: Any, **more: Any) -> dict[str, Any]:
    kind = jwt.algorithms.RSAAlgorithm if key is rsa_key() else jwt.algorithms.ECAlgorithm
    found: dict[str, Any] = json.loads(kind.to_jwk(key.public_key()))
    found.pop("key_ops", None)
    return found | more


def document(*keys: Any) -> bytes:
    return json.dumps({"keys": keys}).encode()


def test_keys_are_found_by_name_and_the_only_one_without() -> None:
    found = decode_key_set(document(jwk(rsa_key(), kid="a"), jwk(ec_key(), kid="b")))
    assert found.find("a") == rsa_key().public_key()
    assert found.find("b") == ec_key().public_key()
    assert found.find("c") is None
    assert found.find("") is None
    assert decode_key_set(document(jwk(ec_key()))).find("") == ec_key().public_key()


@pytest.mark.parametrize(
    "bad",
    [
        {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "x"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "x"},
        jwk(ec_key(), kid="x", use="enc"),
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "x"},
        {"kty": "new", "kid": "x"},
        {},
        7,
        None,
    ],
    ids=str,
)
def test_keys_that_cannot_verify_are_left_out(bad: Any) -> None:
    found = decode_key_set(document(bad, jwk(ec_key(), kid="good")))
    assert list(found.by_name) == ["good"]
    assert found.nameless == ()
    with pytest.raises(KeySetError):
        decode_key_set(document(bad))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"keys": 1}', b"\xff", b'{"keys": []}', b"[" * 100_000])
def test_other_documents_are_refused(body: bytes) -> None:
    with pytest.raises(KeySetError):
        decode_key_set(body)


@given(
    st.binary(max_size=100)
    | st.recursive(
        st.none() | st.text(max_size=5),
        lambda x: st.dictionaries(st.sampled_from(["kty", "n", "e", "x", "crv", "k", "kid", "alg"]), x),
    ).map(document)
)
def test_no_document_breaks_the_reader(body: bytes) -> None:
    with suppress(KeySetError):
        decode_key_set(body)


class Issuer:
    """Answers fetches; counts them."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {f"{ISSUER}/keys": document(jwk(ec_key(), kid="one"))}
        self.fetched: list[str] = []

    async def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        if url not in self.pages:
            raise KeySetError("down")
        return self.pages[url]


async def serving(cache: KeyCache, check: Callable[[], Any]) -> None:
    task = asyncio.create_task(cache.serve_refresh())
    try:
        await check()
    finally:
        task.cancel()


async def test_keys_are_fetched_ahead_and_requests_fetch_nothing() -> None:
    issuer = Issuer()
    cache = KeyCache(ISSUER, issuer.fetch, f"{ISSUER}/keys")

    async def check() -> None:
        await until(lambda: cache.generation == 1)
        for _ in range(5):
            assert await cache.find("one") == ec_key().public_key()
        assert len(issuer.fetched) == 1

    await serving(cache, check)


async def test_address_of_keys_is_discovered() -> None:
    issuer = Issuer()
    page = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"}
    issuer.pages[f"{ISSUER}/.well-known/openid-configuration"] = json.dumps(page).encode()
    cache = KeyCache(ISSUER, issuer.fetch)
    await serving(cache, lambda: until(lambda: cache.generation == 1))


@pytest.mark.parametrize("page", [{"issuer": "https://evil.example", "jwks_uri": "x"}, {"issuer": ISSUER}])
async def test_discovery_that_lies_is_not_believed(page: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    issuer = Issuer()
    issuer.pages[f"{ISSUER}/.well-known/openid-configuration"] = json.dumps(page).encode()
    cache = KeyCache(ISSUER, issuer.fetch)
    await serving(cache, lambda: until(lambda: "not fetched" in caplog.text))
    assert cache.generation == 0


async def test_last_good_keys_are_kept_while_the_issuer_is_down(caplog: pytest.LogCaptureFixture) -> None:
    issuer = Issuer()
    cache = KeyCache(ISSUER, issuer.fetch, f"{ISSUER}/keys", refresh=timedelta(milliseconds=5))

    async def check() -> None:
        await until(lambda: cache.generation == 1)
        issuer.pages.clear()
        await until(lambda: "the last good ones are kept" in caplog.text)
        assert await cache.find("one") == ec_key().public_key()

    await serving(cache, check)


async def test_new_key_is_fetched_for_the_first_token_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = Issuer()
    cache = KeyCache(ISSUER, issuer.fetch, f"{ISSUER}/keys")

    async def check() -> None:
        await until(lambda: cache.generation == 1)
        monkeypatch.setattr(key_sets, "RETRY", timedelta(0))
        issuer.pages[f"{ISSUER}/keys"] = document(jwk(ec_key(), kid="one"), jwk(ec_key(1), kid="two"))
        found = await asyncio.gather(*(cache.find("two") for _ in range(10)))
        assert found == [ec_key(1).public_key()] * 10
        assert len(issuer.fetched) == 2
        assert cache.generation == 2

    await serving(cache, check)


async def test_invented_names_of_keys_make_us_fetch_once_in_a_while_only() -> None:
    issuer = Issuer()
    cache = KeyCache(ISSUER, issuer.fetch, f"{ISSUER}/keys")

    async def check() -> None:
        await until(lambda: cache.generation == 1)
        for number in range(50):
            with pytest.raises(CredentialError, match="not known to have"):
                await cache.find(f"invented-{number}")
        assert len(issuer.fetched) == 1

    await serving(cache, check)


async def test_issuer_that_never_answers_costs_a_request_a_bounded_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_sets, "WAIT_SECONDS", 0.05)

    async def never(_: str) -> bytes:
        await asyncio.Event().wait()
        return b""

    cache = KeyCache(ISSUER, never, f"{ISSUER}/keys")
    with pytest.raises(CredentialError):
        await asyncio.wait_for(cache.find("one"), 5)
