"""All pages together."""

import json
from typing import Any

import pytest

from pilot.debug.access import Access
from pilot.debug.console import Question
from pilot.debug.pages import ClusterState, Pages, Surroundings, assemble
from pilot.debug.proxies import Streams
from pilot.operating import DebugSettings
from tests.pilot.debug.worlds import bookinfo, connections


def pages(**around: Any) -> Pages:
    mesh = bookinfo()
    access = Access(DebugSettings(), lambda: "istio-system")
    return assemble(mesh, Streams(lambda: connections(mesh)), access, Surroundings(**around))


async def test_every_page_answers() -> None:
    made = pages()
    for name in json.loads((await made.console.answer("list", Question())).body):
        found = await made.console.answer(name.partition("?")[0], Question({"proxyID": "productpage"}))
        wanted = {"clusterz": 400, "force_disconnect": 403}.get(name, 200)
        assert found.status == wanted, (name, found.body[:200])


async def test_clusters_are_told_with_their_state() -> None:
    states = [ClusterState("c1", "", "synced"), ClusterState("c2", "istio-system/c2", "timeout")]
    found = json.loads((await pages(clusters=lambda: states).console.answer("clusterz", Question())).body)
    assert found[1] == {"id": "c2", "secretName": "istio-system/c2", "syncStatus": "timeout"}


async def test_without_a_cluster_there_are_no_clusters() -> None:
    assert (await pages().console.answer("clusterz", Question())).status == 400


async def test_templates_of_the_injector_are_told() -> None:
    made = pages(templates=lambda: {"sidecar": "spec: {}"})
    assert json.loads((await made.console.answer("inject", Question())).body) == {"sidecar": "spec: {}"}


@pytest.mark.parametrize("name", ["config_dump", "edsz", "ndsz"])
def test_pages_that_all_may_ask_for(name: str) -> None:
    entry = pages().console.find(name)
    assert entry is not None
    assert entry.open_to_all
