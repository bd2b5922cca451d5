"""MeshConfig and MeshNetworks of a cluster: which source counts, what is merged, what a broken one does."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest

from pilot.sources.kubernetes.mesh_config import MeshSources, Said, merge_mesh, read_settings, watch_mesh_settings
from pilot.sources.mesh_file import MeshFiles
from tests.pilot.sources.kubernetes.fake_api import FakeApi

MAPS = "/api/v1/configmaps"
OWN = MeshSources(namespace="istio-system", name="istio-canary")
SHARED = MeshSources(namespace="istio-system", name="istio", shared="users")


async def log_file(settings: AsyncGenerator[MeshFiles, None]) -> str:
    return (await anext(settings)).mesh.access_log_file


async def test_config_map_of_the_revision_is_followed() -> None:
    api = FakeApi(MAPS)
    async with aclosing(watch_mesh_settings(api, OWN)) as settings:
        assert await log_file(settings) == ""
        api.put(MAPS, "istio", "istio-system", data={"mesh": "accessLogFile: /wrong"})
        api.put(MAPS, "istio-canary", "istio-system", data={"mesh": "accessLogFile: /a"})
        assert await log_file(settings) == "/a"
        api.put(MAPS, "istio-canary", "istio-system", data={"mesh": "accessLogFile: ["})
        broken = await anext(settings)
        assert broken.mesh.access_log_file == "/a"
        assert broken.is_broken
        api.put(MAPS, "istio-canary", "istio-system", data={"mesh": "accessLogFile: /b"})
        assert await log_file(settings) == "/b"
        api.delete(MAPS, "istio-canary", "istio-system")
        assert await log_file(settings) == ""


async def test_file_wins_over_the_config_map(tmp_path: Path) -> None:
    api, mesh = FakeApi(MAPS), tmp_path / "mesh"
    api.put(MAPS, "istio", "istio-system", data={"mesh": "accessLogFile: /of-the-map"})
    mesh.write_text("accessLogFile: /of-the-file")
    sources = MeshSources(mesh_file=str(mesh), networks_file=str(tmp_path / "absent"))
    async with aclosing(watch_mesh_settings(api, sources)) as settings:
        assert await log_file(settings) == "/of-the-file"
        mesh.write_text("accessLogFile: /changed")
        assert await log_file(settings) == "/changed"


async def test_config_map_that_may_not_be_read_counts_as_absent() -> None:
    api = FakeApi(MAPS)
    api.forbidden.add("/api/v1/namespaces/istio-system/configmaps")
    async with aclosing(watch_mesh_settings(api, MeshSources())) as settings:
        assert await log_file(settings) == ""


def said(own: str | None, shared: str | None, key: str = "mesh") -> Said:
    maps = {"istio": {key: own} if own is not None else None, "users": {key: shared} if shared is not None else None}
    return Said(dict(maps), {"": None})


def test_shared_settings_lie_below_our_own() -> None:
    found = read_settings(said("accessLogFile: /own", "accessLogFile: /x\nenablePrometheusMerge: false"), SHARED, None)
    assert (found.mesh.access_log_file, found.mesh.enable_prometheus_merge) == ("/own", False)
    assert found.problems == ()


@pytest.mark.parametrize(("own", "shared", "log"), [("[", "accessLogFile: /s", "/s"), ("accessLogFile: /o", "[", "/o")])
def test_broken_one_of_two_is_skipped(own: str, shared: str, log: str) -> None:
    found = read_settings(said(own, shared), SHARED, None)
    assert found.mesh.access_log_file == log
    assert found.is_broken


def test_some_fields_are_merged_and_not_replaced() -> None:
    under = {
        "defaultConfig": {"concurrency": 1, "proxyMetadata": {"A": "1"}},
        "extensionProviders": [{"name": "a", "zipkin": {"port": 1}}, {"name": "b"}],
        "trustDomainAliases": ["z", "a"],
        "rootNamespace": "x",
    }
    over = {
        "defaultConfig": {"proxyMetadata": {"B": "2"}},
        "extensionProviders": [{"name": "a", "zipkin": {"port": 2}}],
        "trustDomainAliases": ["m"],
        "rootNamespace": "y",
    }
    assert merge_mesh(under, over) == {
        "defaultConfig": {"concurrency": 1, "proxyMetadata": {"A": "1", "B": "2"}},
        "extensionProviders": [{"name": "a", "zipkin": {"port": 2}}, {"name": "b"}],
        "trustDomainAliases": ["a", "m", "z"],
        "rootNamespace": "y",
    }


def test_first_networks_that_exist_count() -> None:
    net = "networks: {{{}: {{endpoints: [{{fromRegistry: r}}]}}}}"
    both = read_settings(said(net.format("own"), net.format("shared"), "meshNetworks"), SHARED, None)
    assert set(both.networks.networks) == {"shared"}
    one = read_settings(said(net.format("own"), None, "meshNetworks"), SHARED, None)
    assert set(one.networks.networks) == {"own"}
