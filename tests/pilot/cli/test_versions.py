"""`meshpilot version`."""

import json

from pilot.version import VERSION
from tests.pilot.cli.answering import answering, run


async def test_ours_the_control_planes_and_the_proxies() -> None:
    async with answering() as address:
        found = await run("version", "--address", address)
        told = json.loads((await run("version", "--address", address, "-o", "json")).output)
    assert found.output.splitlines() == [
        f"client version: {VERSION} (Istio 1.29.1)",
        "control plane version: 1.29.1",
        "data plane version: 1.29.1 (3 proxies)",
    ]
    assert told["meshVersion"] == [{"address": address, "version": "1.29.1"}]
    assert len(told["dataPlaneVersion"]) == 3


async def test_without_a_control_plane() -> None:
    assert (await run("version", "--no-remote")).output == f"client version: {VERSION} (Istio 1.29.1)\n"
    gone = await run("version", "--address", "127.0.0.1:1")
    assert gone.exit_code == 1
    assert "client version" in gone.output
