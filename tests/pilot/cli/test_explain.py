"""`meshpilot explain`."""

import asyncio
import json

from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner, Result

from pilot.cli.explain import explain
from pilot.debug import envoy_filters
from pilot.debug.access import Access
from pilot.debug.console import Console
from pilot.debug.front import DebugFront
from pilot.operating import DebugSettings
from tests.pilot.debug.worlds import connections
from tests.pilot.status.test_patches import patched


async def asked(*arguments: str) -> Result:
    """The command, about a mesh with three proxies."""
    mesh, console, application = patched(), Console(), web.Application()
    console.add(envoy_filters.entry(mesh, lambda: connections(mesh), tuple))
    DebugFront(console, Access(DebugSettings(), lambda: "istio-system")).add_to(application)
    async with TestServer(application) as server:
        line = ["envoyfilter", *arguments, "--address", f"{server.host}:{server.port}"]
        return await asyncio.to_thread(CliRunner().invoke, explain, line)


async def test_each_patch_is_told_with_what_it_changed() -> None:
    result = await asked("some")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0] == "EnvoyFilter istio-system/some"
    assert lines[1] == "  spec.configPatches[0] REMOVE CLUSTER: applied for 3 of 3 proxies"
    assert "      changed CDS BlackHoleCluster" in lines
    assert "  spec.configPatches[1] REMOVE CLUSTER: matched nothing" in lines
    assert not any("elsewhere" in line for line in lines)


async def test_programs_get_json() -> None:
    found = json.loads((await asked("-o", "json", "-n", "nowhere")).output)
    assert [each["name"] for each in found] == ["elsewhere"]


async def test_a_name_that_is_not_there_fails() -> None:
    result = await asked("other", "-n", "shop")
    assert result.exit_code == 1
    assert result.output == "Error: EnvoyFilter other: there is none in shop\n"


def test_without_a_control_plane_it_fails() -> None:
    result = CliRunner().invoke(explain, ["envoyfilter", "--address", "127.0.0.1:1"])
    assert result.exit_code == 1
    assert "no answer" in result.output
