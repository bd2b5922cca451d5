"""Answers that are kept for when nobody answers."""

import json
from pathlib import Path
from typing import Any

import pytest

from ca.errors import KubernetesError
from ca.state_directory import StateDirectory
from pilot.kube_client import connect
from pilot.read_memory import ReadMemory
from tests.kubernetes.api_server import ApiServer, free_ports

PATH = "/api/v1/namespaces/default"


def test_answer_outlives_the_process_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    ReadMemory(StateDirectory(tmp_path), (PATH,)).save(PATH, b"answer")
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600]
    again = ReadMemory(StateDirectory(tmp_path), (PATH,))
    assert again.load(PATH) == b"answer"
    assert again.load("/other") is None
    assert not again.keeps("/other")


def test_directory_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memory = ReadMemory(StateDirectory(tmp_path / "file"), (PATH,))
    memory.save(PATH, b"answer")
    assert memory.load(PATH) == b"answer"


def test_file_that_everybody_may_read_is_not_believed(tmp_path: Path) -> None:
    ReadMemory(StateDirectory(tmp_path), (PATH,)).save(PATH, b"answer")
    for path in tmp_path.iterdir():
        path.chmod(0o644)
    assert ReadMemory(StateDirectory(tmp_path), (PATH,)).load(PATH) is None


async def test_client_answers_from_memory_where_the_server_is_silent(api_server: ApiServer, tmp_path: Path) -> None:
    memory = ReadMemory(StateDirectory(tmp_path / "state"), (PATH,))
    client = await connect(api_server.kubeconfig, memory=memory)
    answer: dict[str, Any] = await client.call("GET", PATH)
    await client.close()
    content = json.loads(api_server.kubeconfig.read_text())
    content["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{free_ports(1)[0]}"
    (tmp_path / "dead").write_text(json.dumps(content))
    again = ReadMemory(StateDirectory(tmp_path / "state"), (PATH,))
    silent = await connect(tmp_path / "dead", memory=again)
    assert await silent.call("GET", PATH) == answer
    assert json.loads(await silent.read(PATH)) == answer
    with pytest.raises(KubernetesError):
        await silent.call("GET", "/api/v1/namespaces/kube-system")
    await silent.close()


async def test_what_was_written_is_known_too(api_server: ApiServer, tmp_path: Path) -> None:
    collection = f"/api/v1/namespaces/{await api_server.namespace()}/configmaps"
    memory = ReadMemory(StateDirectory(tmp_path), (f"{collection}/a",))
    client = await connect(api_server.kubeconfig, memory=memory)
    made = await client.call("POST", collection, {"metadata": {"name": "a"}, "data": {"k": "1"}})
    assert json.loads(memory.load(f"{collection}/a") or b"")["data"] == {"k": "1"}
    await client.call("PUT", f"{collection}/a", {**made, "data": {"k": "2"}})
    assert json.loads(memory.load(f"{collection}/a") or b"")["data"] == {"k": "2"}
    await client.close()


async def test_absence_is_an_answer_and_no_silence(api_server: ApiServer, tmp_path: Path) -> None:
    path = "/api/v1/namespaces/not-there"
    memory = ReadMemory(StateDirectory(tmp_path), (path,))
    memory.save(path, b"{}")
    client = await connect(api_server.kubeconfig, memory=memory)
    with pytest.raises(KubernetesError):
        await client.call("GET", path)
    await client.close()
