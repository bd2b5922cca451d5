"""Tokens of Kubernetes: reviewed by a real API server, verified by its real keys, and by fakes what it never says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest

from ca.authn.caller import BoundPod, Call
from ca.authn.http_fetch import HttpFetch
from ca.authn.impersonation import PlacedPod
from ca.authn.key_sets import KeyCache
from ca.authn.kubernetes_token import LONGEST, Cluster, KubernetesTokenAuthenticator
from ca.authn.local_issuer import utc_now
from ca.errors import CredentialError, KubernetesError
from ca.secret import Secret
from tests.ca.authn.test_signed_token import signed
from tests.ca.makers import MESH, NOON, until
from tests.kubernetes.api_server import ISSUER, ApiServer, ApiStatusError

AUDIENCES = ("istio-ca", "other")


class Counted:
    """The real API server, with a count of reviews."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.reviews = 0

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        self.reviews += 1
        try:
            return await self.server.call(method, path, body)
        except ApiStatusError as error:
            raise KubernetesError(str(error), error.status) from error


class OnePod:
    """Of one name, with one uid."""

    def __init__(self, name: str, uid: str, account: str = "app") -> None:
        self.name = name
        self.placed = PlacedPod(uid, account, "node-1")

    def find(self, namespace: str, name: str) -> PlacedPod | None:
        return self.placed if name == self.name else None

    def runs_on(self, node: str, namespace: str, service_account: str) -> bool:
        return True


def call(token: str | None, cluster_id: str = "") -> Call:
    return Call(
        "10.0.0.1:5", is_secure=True, bearer=Secret(token) if token is not None else None, cluster_id=cluster_id
    )


def authenticator(cluster: Cluster, clock: Any = utc_now) -> KubernetesTokenAuthenticator:
    return KubernetesTokenAuthenticator(lambda name: cluster if name in ("", "here") else None, MESH, AUDIENCES, clock)


@asynccontextmanager
async def keys_of(server: ApiServer) -> AsyncIterator[KeyCache]:
    fetch = HttpFetch(server.context, {"Authorization": f"Bearer {server.admin_token}"})
    keys = KeyCache(ISSUER, fetch, f"{server.url}/openid/v1/jwks")
    task = asyncio.create_task(keys.serve_refresh())
    await until(lambda: keys.generation == 1)
    yield keys
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await fetch.close()


async def bound_token(server: ApiServer, audience: str = "istio-ca") -> tuple[str, str, str]:
    namespace = await server.namespace()
    await server.service_account(namespace, "app")
    uid = await server.pod(namespace, "app-1", "app", "node-1")
    return namespace, uid, await server.token(namespace, "app", audience, ("app-1", uid))


async def test_token_is_reviewed_once(api_server: ApiServer) -> None:
    namespace, uid, token = await bound_token(api_server)
    api = Counted(api_server)
    authn = authenticator(Cluster(api))
    caller = await authn.authenticate(call(token, "here"))
    assert caller.identities == (f"spiffe://cluster.local/ns/{namespace}/sa/app",)
    assert caller.pod == BoundPod(namespace, "app", "app-1", uid)
    assert await authn.authenticate(call(token, "here")) is caller
    assert api.reviews == 1


async def test_token_without_a_pod_is_good_for_everything_but_impersonation(api_server: ApiServer) -> None:
    namespace = await api_server.namespace()
    await api_server.service_account(namespace, "app")
    token = await api_server.token(namespace, "app", "other")
    caller = await authenticator(Cluster(Counted(api_server))).authenticate(call(token))
    assert (caller.identities, caller.pod) == ((f"spiffe://cluster.local/ns/{namespace}/sa/app",), None)


async def test_token_of_a_pod_that_is_gone_is_refused(api_server: ApiServer) -> None:
    namespace, _, token = await bound_token(api_server)
    await api_server.call("DELETE", f"/api/v1/namespaces/{namespace}/pods/app-1?gracePeriodSeconds=0")
    async with keys_of(api_server) as keys:
        for cluster in (Cluster(Counted(api_server)), Cluster(Counted(api_server), keys, OnePod("another", "u"))):
            with pytest.raises(CredentialError, match="refused"):
                await authenticator(cluster).authenticate(call(token))


async def test_known_keys_and_pods_spare_the_review(api_server: ApiServer) -> None:
    namespace, uid, token = await bound_token(api_server)
    api = Counted(api_server)
    async with keys_of(api_server) as keys:
        caller = await authenticator(Cluster(api, keys, OnePod("app-1", uid))).authenticate(call(token))
        assert caller.pod == BoundPod(namespace, "app", "app-1", uid)
        assert api.reviews == 0
        for pods in (None, OnePod("app-1", "another-uid"), OnePod("app-2", uid), OnePod("app-1", uid, "admin")):
            before = api.reviews
            await authenticator(Cluster(api, keys, pods)).authenticate(call(token))
            assert api.reviews == before + 1


async def test_bad_tokens_are_refused(api_server: ApiServer) -> None:
    namespace, _, elsewhere = await bound_token(api_server, "elsewhere")
    for_api = await api_server.token(namespace, "app", ISSUER)
    header, payload, signature = (await bound_token(api_server))[2].split(".")
    damaged = f"{header}.{payload}.{'A' * len(signature)}"
    async with keys_of(api_server) as keys:
        for cluster in (Cluster(Counted(api_server)), Cluster(Counted(api_server), keys)):
            for token in (None, "", "garbage", "a.b.c", elsewhere, for_api, damaged, api_server.admin_token, signed()):
                with pytest.raises(CredentialError):
                    await authenticator(cluster).authenticate(call(token))


async def test_garbage_and_forgeries_cost_the_api_server_nothing(api_server: ApiServer) -> None:
    header, payload, signature = (await bound_token(api_server))[2].split(".")
    api = Counted(api_server)
    async with keys_of(api_server) as keys:
        for token in ("garbage", "a" * 20_000, f"{header}.{payload}.{'A' * len(signature)}"):
            with pytest.raises(CredentialError):
                await authenticator(Cluster(api, keys)).authenticate(call(token))
    assert api.reviews == 0


class Says:
    """An API server with one answer."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[Any] = []

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        self.asked.append((method, path, body))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def review(**changes: Any) -> dict[str, Any]:
    user = {"username": "system:serviceaccount:demo:app", "groups": ["system:serviceaccounts", "system:authenticated"]}
    status = {"authenticated": True, "audiences": ["istio-ca"], "user": user | changes.pop("user", {})}
    return {"status": status | changes}


@pytest.mark.parametrize(
    "answer",
    [
        review(authenticated=False),
        review(authenticated="yes"),
        review(error="bad"),
        review(audiences=["another"]),
        review(audiences=None),
        review(user={"groups": []}),
        review(user={"groups": None}),
        review(user={"username": "system:node:x"}),
        review(user={"username": "system:serviceaccount:a:b:c"}),
        review(user={"username": "x:y:demo:app"}),
        {},
        None,
        {"status": None},
        KubernetesError("down"),
    ],
    ids=str,
)
async def test_answers_that_do_not_vouch_are_refusals(answer: Any) -> None:
    with pytest.raises(CredentialError):
        await authenticator(Cluster(Says(answer)), lambda: NOON).authenticate(call(signed()))


async def test_reviews_ask_for_our_audiences_and_are_believed_for_a_while_only() -> None:
    api, now = Says(review()), [NOON]
    authn = authenticator(Cluster(api), lambda: now[0])
    token = signed()
    await authn.authenticate(call(token))
    assert api.asked[0][2]["spec"] == {"token": token, "audiences": list(AUDIENCES)}
    now[0] = NOON + LONGEST - timedelta(seconds=1)
    await authn.authenticate(call(token))
    assert len(api.asked) == 1
    now[0] = NOON + LONGEST
    await authn.authenticate(call(token))
    assert len(api.asked) == 2


async def test_cluster_that_is_not_known_is_refused() -> None:
    with pytest.raises(CredentialError, match="cluster 'there' is not known"):
        await authenticator(Cluster(Says(review()))).authenticate(call(signed(), "there"))
