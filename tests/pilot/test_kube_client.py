"""The client against a real API server, and against nobody."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ca.errors import KubernetesError
from pilot.kube_client import KubeClient, connect
from tests.kubernetes.api_server import ApiServer


@pytest.fixture
async def client(api_server: ApiServer) -> AsyncIterator[KubeClient]:
    made = await connect(api_server.kubeconfig)
    yield made
    await made.close()


async def test_objects_are_created_read_changed_and_removed(api_server: ApiServer, client: KubeClient) -> None:
    path = f"/api/v1/namespaces/{await api_server.namespace()}/configmaps"
    made = await client.call("POST", path, {"metadata": {"name": "a"}, "data": {"k": "1"}})
    made["data"]["k"] = "2"
    await client.call("PUT", f"{path}/a", made)
    await client.call("PATCH", f"{path}/a", {"data": {"other": "3"}})
    assert (await client.call("GET", f"{path}/a"))["data"] == {"k": "2", "other": "3"}
    with pytest.raises(KubernetesError) as conflict:
        await client.call("PUT", f"{path}/a", made)
    assert conflict.value.status == 409
    await client.call("DELETE", f"{path}/a")
    with pytest.raises(KubernetesError, match='"a" not found') as absent:
        await client.call("GET", f"{path}/a")
    assert absent.value.status == 404


async def test_wrong_credentials_are_an_error_with_its_status(api_server: ApiServer, tmp_path: Path) -> None:
    content = json.loads(api_server.kubeconfig.read_text())
    content["users"][0]["user"]["token"] = "wrong"
    (tmp_path / "config").write_text(json.dumps(content))
    made = await connect(tmp_path / "config")
    with pytest.raises(KubernetesError) as refused:
        await made.call("GET", "/api/v1/namespaces")
    assert refused.value.status == 401
    await made.close()


async def test_server_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    cluster = {"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [cluster],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    (tmp_path / "config").write_text(json.dumps(content))
    made = await connect(tmp_path / "config")
    with pytest.raises(KubernetesError) as failed:
        await made.call("GET", "/version")
    assert failed.value.status == 0
    await made.close()


async def test_missing_credentials_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(KubernetesError, match="absent"):
        await connect(tmp_path / "absent")
    with pytest.raises(KubernetesError, match="files of the pod"):
        await connect()
