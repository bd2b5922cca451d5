"""The self-signed root in a Secret of a real API server: made once, whoever starts, and never replaced by accident."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from ca.authority import Authority, random_serial
from ca.errors import BundleError, KubernetesError
from ca.kubernetes_root import SECRET_TYPE, SecretRootStore
from ca.root_rotation import RootRotation
from pilot.kube_client import KubeClient, connect
from tests.ca.makers import MESH, NOON, YEARS, ec_key, make_root
from tests.kubernetes.api_server import ApiServer


@pytest.fixture
async def client(api_server: ApiServer) -> AsyncIterator[KubeClient]:
    made = await connect(api_server.kubeconfig)
    yield made
    await made.close()


async def create(store: SecretRootStore):  # type: ignore[no-untyped-def]
    return await store.load_or_create(str(MESH), new_serial=random_serial, lifetime=YEARS)


async def test_replicas_that_start_together_agree_on_one_root(api_server: ApiServer, client: KubeClient) -> None:
    namespace = await api_server.namespace()
    stores = [SecretRootStore(client, namespace, lambda: NOON) for _ in range(4)]
    roots = await asyncio.gather(*(create(each) for each in stores))
    assert len({each.roots for each in roots}) == 1
    secret = await client.call("GET", f"/api/v1/namespaces/{namespace}/secrets/istio-ca-secret")
    assert secret["type"] == SECRET_TYPE
    assert sorted(secret["data"]) == ["ca-cert.pem", "ca-key.pem", "cert-chain.pem", "key.pem", "root-cert.pem"]
    assert base64.b64decode(secret["data"]["root-cert.pem"]).decode() == roots[0].roots
    assert base64.b64decode(secret["data"]["ca-key.pem"]).startswith(b"-----BEGIN RSA PRIVATE KEY-----")
    assert [secret["data"][name] for name in ("cert-chain.pem", "key.pem")] == ["", ""]


async def test_root_goes_into_cacerts_where_that_is_asked_for(api_server: ApiServer, client: KubeClient) -> None:
    namespace = await api_server.namespace()
    made = await create(SecretRootStore(client, namespace, lambda: NOON, uses_plugged_in_secret=True))
    secret = await client.call("GET", f"/api/v1/namespaces/{namespace}/secrets/cacerts")
    assert secret["data"]["istio-generated"] == ""
    again = SecretRootStore(client, namespace, lambda: NOON, uses_plugged_in_secret=True)
    assert (await create(again)).certificate == made.certificate


async def test_existing_secret_goes_before_cacerts(api_server: ApiServer, client: KubeClient) -> None:
    namespace = await api_server.namespace()
    made = await create(SecretRootStore(client, namespace, lambda: NOON))
    again = await create(SecretRootStore(client, namespace, lambda: NOON, uses_plugged_in_secret=True))
    assert again.certificate == made.certificate


async def test_broken_secret_is_an_error_and_stays(api_server: ApiServer, client: KubeClient) -> None:
    namespace = await api_server.namespace()
    body = {"metadata": {"name": "istio-ca-secret"}, "data": {"ca-cert.pem": "AAAA"}}
    await client.call("POST", f"/api/v1/namespaces/{namespace}/secrets", body)
    store = SecretRootStore(client, namespace, lambda: NOON)
    with pytest.raises(BundleError, match="istio-ca-secret"):
        await create(store)
    found = await client.call("GET", f"/api/v1/namespaces/{namespace}/secrets/istio-ca-secret")
    assert found["data"] == {"ca-cert.pem": "AAAA"}


async def test_rotation_writes_the_secret_and_other_replicas_follow(api_server: ApiServer, client: KubeClient) -> None:
    namespace, late = await api_server.namespace(), NOON + YEARS * 0.9
    one, two = (SecretRootStore(client, namespace, lambda: late) for _ in range(2))
    old = await create(SecretRootStore(client, namespace, lambda: NOON))
    first, second = (Authority(old, clock=lambda: late) for _ in range(2))
    assert await RootRotation(first, one).check()
    assert await RootRotation(second, two).check()
    assert first.bundle.certificate == second.bundle.certificate != old.certificate
    assert first.bundle.certificate.public_key() == old.certificate.public_key()
    assert not await RootRotation(second, two).check()


async def test_extra_roots_are_trusted_and_not_stored(api_server: ApiServer, client: KubeClient) -> None:
    namespace, other = await api_server.namespace(), make_root(ec_key(5), name="other")
    store = SecretRootStore(client, namespace, lambda: NOON, extra_roots=other.roots)
    made = await create(store)
    assert made.root_certificates == (made.certificate, other.certificate)
    secret = await client.call("GET", f"/api/v1/namespaces/{namespace}/secrets/istio-ca-secret")
    assert other.roots not in base64.b64decode(secret["data"]["root-cert.pem"]).decode()


async def test_two_that_renew_at_once_do_not_overwrite_each_other(api_server: ApiServer, client: KubeClient) -> None:
    namespace = await api_server.namespace()
    store = SecretRootStore(client, namespace, lambda: NOON)
    made = await create(store)
    results = await asyncio.gather(*(store.save(made) for _ in range(2)), return_exceptions=True)
    assert all(each is None or (isinstance(each, KubernetesError) and each.status == 409) for each in results)


async def test_store_without_its_secret_is_an_error(api_server: ApiServer, client: KubeClient) -> None:
    store = SecretRootStore(client, await api_server.namespace(), lambda: NOON + timedelta(0))
    with pytest.raises(BundleError, match="got none"):
        await store.load()
