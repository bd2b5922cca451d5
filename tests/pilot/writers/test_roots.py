"""Roots for every namespace."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from pilot.kube_client import KubeClient
from pilot.model.mesh import MeshConfig
from pilot.model.objects import Event
from pilot.model.selectors import LabelSelector
from pilot.model.snapshot import Snapshot
from pilot.writers import following, retry
from pilot.writers.roots import RootMaps, Roots, select_namespaces
from tests.pilot.agent.eventually import eventually
from tests.pilot.model.meshes import objects
from tests.pilot.writers.recorder import Recorder

MAPS = "/api/v1/configmaps"
ROOTS = Roots("PEM\n", "")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "LOOK", 0.001)
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.01)


def mesh(text: str, config: MeshConfig | None = None) -> Snapshot:
    return Snapshot.empty(config).apply(Event(each.key, each) for each in objects(text))[0]


def namespaces(*names: str) -> str:
    return "\n---\n".join(f"kind: Namespace\nmetadata: {{name: {each}}}" for each in names)


def test_kubernetes_own_namespaces_get_none_but_kube_system() -> None:
    found = select_namespaces(mesh(namespaces("a", "kube-system", "kube-public", "kube-node-lease")))
    assert found == {"a", "kube-system"}


def test_one_that_goes_gets_none() -> None:
    going = "kind: Namespace\nmetadata: {name: a, deletionTimestamp: '2026-01-01T00:00:00Z'}"
    assert not select_namespaces(mesh(going))


def test_selectors_and_the_watched_namespace_limit_them() -> None:
    text = "kind: Namespace\nmetadata: {name: a, labels: {mesh: one}}\n---\n" + namespaces("b")
    config = MeshConfig(discovery_selectors=(LabelSelector(match_labels={"mesh": "one"}),))
    assert select_namespaces(mesh(text, config)) == {"a"}
    assert select_namespaces(mesh(text), ("b",)) == {"b"}


def test_members_of_another_mesh_are_left_alone_and_ours_are_not_selected_away() -> None:
    text = "\n---\n".join(
        f"kind: Namespace\nmetadata: {{name: {name}, labels: {{maistra.io/member-of: {mesh_}}}}}"
        for name, mesh_ in (("ours", "istio-system"), ("theirs", "other"))
    )
    config = MeshConfig(discovery_selectors=(LabelSelector(match_labels={"mesh": "one"}),))
    assert select_namespaces(mesh(text, config)) == {"ours"}


@contextlib.asynccontextmanager
async def writing(api: Recorder, snapshot: Snapshot, roots: list[Roots | None]) -> AsyncIterator[None]:
    maps = RootMaps(cast(KubeClient, api), lambda: snapshot, lambda: roots[-1])
    task = asyncio.create_task(maps.serve())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def writes(api: Recorder, method: str) -> list[tuple[str, Any]]:
    return [(path, body["data"]) for kind, path, body in api.calls if kind == method]


async def test_missing_ones_are_made_and_wrong_ones_corrected() -> None:
    api = Recorder(MAPS)
    api.put(MAPS, "istio-ca-root-cert", "wrong", data={"root-cert.pem": "old", "other": "kept"})
    api.put(MAPS, "istio-ca-root-cert", "right", data={"root-cert.pem": "PEM\n"})
    async with writing(api, mesh(namespaces("wrong", "right", "none")), [ROOTS]):
        await eventually(lambda: len(api.calls) >= 5)
    assert ("/api/v1/namespaces/none/configmaps", {"root-cert.pem": "PEM\n"}) in writes(api, "POST")
    wanted = {"root-cert.pem": "PEM\n", "other": "kept"}
    assert writes(api, "PUT") == [("/api/v1/namespaces/wrong/configmaps/istio-ca-root-cert", wanted)]
    assert sum("ca-crl.pem" in data for _, data in writes(api, "POST")) == 3


async def test_nothing_is_written_without_a_root_and_everything_after_a_new_one() -> None:
    api, roots = Recorder(MAPS), list[Roots | None]([None])
    async with writing(api, mesh(namespaces("a")), roots):
        await eventually(lambda: api.lists(MAPS) >= 2)
        assert not api.calls
        roots.append(Roots("one"))
        await eventually(lambda: writes(api, "POST") == [("/api/v1/namespaces/a/configmaps", {"root-cert.pem": "one"})])


async def test_a_refused_write_is_tried_again_and_a_forbidden_one_is_not() -> None:
    api = Recorder(MAPS)
    api.failing = (1, 500)
    async with writing(api, mesh(namespaces("a")), [Roots("one")]):
        await eventually(lambda: len(api.calls) == 1)
    api = Recorder(MAPS)
    api.failing = (1, 403)
    async with writing(api, mesh(namespaces("a")), [Roots("one")]):
        await eventually(lambda: api.failing[0] == 0)
        assert not api.calls
