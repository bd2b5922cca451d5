"""`meshpilot xds dump`."""

import json
from collections.abc import AsyncIterator

import click
import grpc
import pytest
from prometheus_client import CollectorRegistry

from pilot.cli.xds import node_id
from pilot.xds.metrics import XdsMetrics
from pilot.xds.server import AdsServer
from tests.pilot.cli.answering import run
from tests.pilot.debug.worlds import bookinfo

PROXY = "productpage-v1-a.default"


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """Bookinfo over plaintext xDS."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((AdsServer(bookinfo(), XdsMetrics(CollectorRegistry())).handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(0)


async def test_what_a_proxy_is_served(address: str) -> None:
    found = await run("xds", "dump", PROXY, "--xds-address", address, "--meta", "CLUSTER_ID=Kubernetes")
    assert found.exit_code == 0, found.output
    told = json.loads(found.output)
    assert list(told) == ["CDS", "EDS", "LDS", "RDS"]
    assert any(each["clusterName"] == "outbound|9080||details.default.svc.cluster.local" for each in told["EDS"])
    assert "9080" in {each["name"] for each in told["RDS"]}


async def test_types_are_chosen_and_told_in_short(address: str) -> None:
    labels = '{"app": "productpage"}'
    node = f"sidecar~10.0.0.1~{PROXY}~default.svc.cluster.local"
    found = await run(
        "xds", "dump", node, "--xds-address", address, "--types", "eds", "-o", "short", "--meta", f"LABELS:={labels}"
    )
    lines = found.output.splitlines()
    assert lines[0].split() == ["TYPE", "NAME", "BYTES"]
    assert {line.split()[0] for line in lines[1:]} == {"EDS"}


@pytest.mark.parametrize("more", [("--types", "abc"), ("--meta", "x"), ("--meta", "x:={")])
async def test_bad_questions(address: str, more: tuple[str, ...]) -> None:
    assert (await run("xds", "dump", PROXY, "--xds-address", address, *more)).exit_code == 2


def test_who_is_played() -> None:
    assert node_id("web.shop") == "sidecar~127.0.0.1~web.shop~shop.svc.cluster.local"
    for text in ("web", "a~b", ".x"):
        with pytest.raises(click.BadParameter):
            node_id(text)
