"""How a cluster's issuer and keys become known, from an API server of a few lines."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import jwt
import pytest

from ca.errors import KubernetesError
from pilot import cluster_keys
from pilot.cluster_keys import DISCOVERY, KEYS, ClusterKeys
from tests.ca.makers import ec_key, until

ISSUER = "https://kubernetes.default.svc"
KEY = {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(ec_key().public_key())), "kid": "k1", "use": "sig"}


class Server:
    """Answers by path; a path that it does not have is forbidden."""

    def __init__(self, **answers: bytes) -> None:
        self.answers = answers
        self.count = 0

    async def read(self, path: str) -> bytes:
        self.count += 1
        name = {DISCOVERY: "discovery", KEYS: "keys"}[path]
        if name not in self.answers:
            raise KubernetesError(f"{path}: forbidden", 403)
        return self.answers[name]


@asynccontextmanager
async def serving(keys: ClusterKeys) -> AsyncIterator[None]:
    task = asyncio.create_task(keys.serve())
    try:
        yield
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_keys_of_the_issuer_are_known() -> None:
    server = Server(discovery=json.dumps({"issuer": ISSUER}).encode(), keys=json.dumps({"keys": [KEY]}).encode())
    keys = ClusterKeys(server)
    async with serving(keys):
        await until(lambda: keys.cache is not None and keys.cache.generation > 0)
        found = keys.cache
    assert found is not None
    assert found.issuer == ISSUER
    assert await found.find("k1") == ec_key().public_key()


@pytest.mark.parametrize("answer", [None, b"", b"[]", b"{}", b'{"issuer": 7}', b'{"issuer": ""}', b"[" * 100_000])
async def test_issuer_that_is_not_told_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, answer: bytes | None
) -> None:
    monkeypatch.setattr(cluster_keys, "AGAIN", 0.001)
    server = Server() if answer is None else Server(discovery=answer)
    keys = ClusterKeys(server)
    async with serving(keys):
        await until(lambda: server.count > 2)
        assert keys.cache is None
        server.answers["discovery"] = json.dumps({"issuer": ISSUER}).encode()
        await until(lambda: keys.cache is not None)
