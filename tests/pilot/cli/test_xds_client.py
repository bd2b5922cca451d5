"""One question over xDS, to a real server."""

import asyncio
from pathlib import Path

import click
import pytest

from pilot.cli import xds_client
from pilot.type_urls import CLUSTER
from tests.pilot.xds.clients import serving
from tests.pilot.xds.conversations import small_world


async def test_an_answer_and_a_refusal() -> None:
    async with serving(small_world()) as site:
        place = xds_client.Place(site.address)
        node = xds_client.proxy_node("sidecar~10.0.0.1~web.default~default.svc.cluster.local", {"NAMESPACE": "default"})
        found = await asyncio.to_thread(xds_client.ask, place, node, CLUSTER)
        assert len(found.resources) == 2
        with pytest.raises(click.ClickException, match="UNAUTHENTICATED: authentication required"):
            await asyncio.to_thread(xds_client.ask, place, node, "istio.io/debug/syncz")


def test_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match="UNAVAILABLE"):
        xds_client.ask(xds_client.Place("127.0.0.1:1"), xds_client.tool_node("istio-system"), CLUSTER)
    with pytest.raises(click.ClickException, match="root certificate"):
        xds_client.ask(xds_client.Place("127.0.0.1:1", tmp_path / "no"), xds_client.tool_node("x"), CLUSTER)


def test_a_tool_says_that_it_is_one() -> None:
    node = xds_client.tool_node("istio-system")
    assert node.metadata["GENERATOR"] == "event"
    assert node.id == "sidecar~127.0.0.1~meshpilot.istio-system~istio-system.svc.cluster.local"
