import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from ca.authn.caller import BoundPod, Call
from ca.authn.key_sets import KeyCache
from ca.authn.oidc import JwtRule, OidcAuthenticator, parse_rule
from ca.errors import CredentialError
from ca.secret import Secret
from tests.ca.authn.test_key_sets import document, jwk
from tests.ca.authn.test_signed_token import AUDIENCE, ISSUER, signed
from tests.ca.makers import APP, MESH, NOON, ec_key, rsa_key, until

RULE = JwtRule(ISSUER, (AUDIENCE, "other"), f"{ISSUER}/keys")
KID = {"kid": "k"}


class Issuer:
    def __init__(self) -> None:
        self.now = NOON
        self.body = document(jwk(rsa_key(), kid="k"))
        self.fetches = 0

    async def fetch(self, _: str) -> bytes:
        self.fetches += 1
        return self.body


@asynccontextmanager
async def authenticator(issuer: Issuer) -> AsyncIterator[OidcAuthenticator]:
    keys = KeyCache(ISSUER, issuer.fetch, RULE.keys_url, refresh=timedelta(milliseconds=20))
    task = asyncio.create_task(keys.serve_refresh())
    await until(lambda: keys.generation == 1)
    yield OidcAuthenticator(RULE, keys, MESH, lambda: issuer.now)
    task.cancel()


def call(token: str | None) -> Call:
    return Call("10.0.0.1:5", is_secure=True, bearer=Secret(token) if token is not None else None)


async def test_token_of_the_issuer_gives_one_id_of_the_mesh() -> None:
    async with authenticator(Issuer()) as oidc:
        caller = await oidc.authenticate(call(signed(headers=KID)))
        assert (caller.identities, caller.authenticator, caller.pod) == ((APP,), "IDTokenAuthenticator", None)
        assert (await oidc.authenticate(call(signed(headers=KID, aud="other")))).identities == (APP,)


async def test_pod_of_a_projected_token_is_kept() -> None:
    claims: dict[str, Any] = {"kubernetes.io": {"namespace": "demo", "pod": {"name": "p", "uid": "u"}}}
    async with authenticator(Issuer()) as oidc:
        caller = await oidc.authenticate(call(signed(headers=KID, **claims)))
        assert caller.pod == BoundPod("demo", "app", "p", "u")
        odd: list[Any] = [{"pod": None}, {"pod": {"name": 7, "uid": "u"}}, [], "x"]
        for each in odd:
            assert (await oidc.authenticate(call(signed(headers=KID, **{"kubernetes.io": each})))).pod is None


@pytest.mark.parametrize(
    "token",
    [
        None,
        "",
        "garbage",
        signed(headers={"kid": "unknown"}),
        signed(rsa_key(1), headers=KID),
        signed(headers=KID, aud="elsewhere"),
        signed(headers=KID, iss="https://other.example"),
        signed(headers=KID, sub="system:node:x"),
        signed(headers=KID, sub="alice"),
        signed("", "none", headers=KID),
    ],
)
async def test_others_are_refused(token: str | None) -> None:
    async with authenticator(Issuer()) as oidc:
        with pytest.raises(CredentialError):
            await oidc.authenticate(call(token))


async def test_token_shown_again_is_known_until_it_expires_and_not_longer() -> None:
    issuer = Issuer()
    async with authenticator(issuer) as oidc:
        token = signed(headers=KID)
        first = await oidc.authenticate(call(token))
        assert await oidc.authenticate(call(token)) is first
        issuer.now = NOON + timedelta(hours=1, seconds=11)
        with pytest.raises(CredentialError, match="expired"):
            await oidc.authenticate(call(token))


async def test_key_that_is_withdrawn_takes_its_tokens_with_it() -> None:
    issuer = Issuer()
    async with authenticator(issuer) as oidc:
        token = signed(headers=KID)
        await oidc.authenticate(call(token))
        issuer.body = document(jwk(ec_key(), kid="other"))
        await until(lambda: oidc._keys.generation == 2)
        with pytest.raises(CredentialError, match="not known to have"):
            await oidc.authenticate(call(token))


def test_rule_is_read_as_written() -> None:
    text = '{"issuer": "i", "jwks_uri": "u", "audiences": ["a", "b"]}'
    assert parse_rule(text) == JwtRule("i", ("a", "b"), "u")
    assert parse_rule('{"issuer": "i", "audiences": ["a"]}') == JwtRule("i", ("a",), "")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"issuer": "i"}', '{"issuer": 1, "audiences": ["a"]}', '{"issuer": "i", "audiences": [1]}'],
)
def test_rule_that_says_too_little_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="xpect"):
        parse_rule(text)
