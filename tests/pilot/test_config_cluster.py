"""The config cluster as the program uses it: settings at the start, what is remembered, what is written when."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ca.errors import KubernetesError
from pilot import config_cluster
from pilot.config_cluster import WARM_FILE, ConfigCluster, opened
from pilot.mesh import Mesh
from pilot.model.features import Features
from pilot.model.kubernetes import Pod
from pilot.model.mesh import MeshConfig
from pilot.model.objects import Event, Metadata
from pilot.model.snapshot import Snapshot
from pilot.settings import Kubernetes, Settings
from tests.kubernetes.api_server import ApiServer, free_ports


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path / "state", mesh_config=tmp_path / "none", networks_config=tmp_path / "none")


@contextlib.asynccontextmanager
async def dead(settings: Settings, directory: Path, remembers: bool = True) -> AsyncIterator[ConfigCluster]:
    """A cluster whose API server does not answer."""
    server = {"name": "c", "cluster": {"server": f"https://127.0.0.1:{free_ports(1)[0]}"}}
    context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
    user = {"name": "u", "user": {"token": "t"}}
    content = {"clusters": [server], "users": [user], "contexts": [context], "current-context": "x"}
    path = directory / "kubeconfig"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **content}))
    async with opened(settings, Kubernetes(kubeconfig=path, remembers=remembers)) as cluster:
        yield cluster


def mesh_of(*names: str) -> Mesh:
    """One that is known, with pods."""
    pods = [Pod(metadata=Metadata(name=name, namespace="shop")) for name in names]
    snapshot = Snapshot.empty(MeshConfig(access_log_file="/remembered"), Features())
    mesh = Mesh(snapshot.apply([Event(each.key, each) for each in pods])[0])
    mesh.is_listed = True
    return mesh


async def test_what_was_known_is_served_where_the_api_server_is_dead(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_cluster, "UNREACHABLE_AFTER", 0.1)
    monkeypatch.setattr("pilot.sources.kubernetes.source.UNREACHABLE_AFTER", 0.1)
    async with dead(settings, tmp_path) as cluster:
        await cluster.save(mesh_of("a", "b"))
    assert (settings.state_dir / WARM_FILE).stat().st_mode & 0o777 == 0o600
    async with dead(settings, tmp_path) as cluster, asyncio.timeout(10):
        assert (await cluster.first_settings()).mesh.access_log_file == "/remembered"
        async for batch in cluster.source.watch():
            assert batch.listed
            assert {each.key.name for each in batch.events} == {"a", "b"}
            break
        assert "not up to date" in str(cluster.problems()[0])


async def test_nothing_is_written_that_is_known_already(settings: Settings, tmp_path: Path) -> None:
    async with dead(settings, tmp_path) as cluster:
        mesh = mesh_of("a")
        await cluster.save(mesh)
        (settings.state_dir / WARM_FILE).unlink()
        await cluster.save(mesh)
        assert not (settings.state_dir / WARM_FILE).exists()
        mesh.snapshot = mesh_of("b").snapshot
        await cluster.save(mesh)
        assert (settings.state_dir / WARM_FILE).exists()


async def test_nothing_is_written_where_it_is_not_wanted_or_nothing_is_known(
    settings: Settings, tmp_path: Path
) -> None:
    async with dead(settings, tmp_path, remembers=False) as cluster:
        await cluster.save(mesh_of("a"))
    async with dead(settings, tmp_path) as cluster:
        unknown = mesh_of("a")
        unknown.is_listed = False
        await cluster.save(unknown)
    assert not settings.state_dir.exists()


async def test_directory_that_cannot_be_written_costs_nothing(settings: Settings, tmp_path: Path) -> None:
    settings.state_dir.write_text("a file")
    async with dead(settings, tmp_path) as cluster:
        await cluster.save(mesh_of("a"))


async def test_settings_and_injector_come_from_a_real_cluster(api_server: ApiServer, settings: Settings) -> None:
    wanted = Kubernetes(kubeconfig=api_server.kubeconfig)
    async with opened(settings, wanted) as cluster, asyncio.timeout(20):
        assert (await cluster.first_settings()).mesh == MeshConfig()
        assert await anext(cluster.watch_injector()) is None


async def test_election_is_ours_by_name_and_revision(api_server: ApiServer, settings: Settings) -> None:
    system = replace(settings.features, system_namespace=await api_server.namespace(), revision="canary")
    wanted = Kubernetes(kubeconfig=api_server.kubeconfig, pod_name="pilot-1")
    lead = asyncio.Event()

    async def work() -> None:
        lead.set()
        await asyncio.Event().wait()

    async with opened(replace(settings, features=system), wanted) as cluster:
        task = asyncio.create_task(cluster.election("istio-gateway-status-leader").lead(work))
        await asyncio.wait_for(lead.wait(), 10)
        leases = f"/apis/coordination.k8s.io/v1/namespaces/{system.system_namespace}/leases"
        found = await cluster.client.call("GET", f"{leases}/istio-gateway-status-leader-canary")
        assert found["spec"]["holderIdentity"] == "pilot-1"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_cluster_without_credentials_is_an_error(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(KubernetesError):
        async with opened(settings, Kubernetes(kubeconfig=tmp_path / "absent")):
            pass
