"""`meshpilot status`."""

import asyncio
import json
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner, Result

from pilot.cli.status import status
from pilot.debug.access import Access
from pilot.debug.console import Console
from pilot.debug.front import DebugFront
from pilot.debug.status_page import status_entry
from pilot.mesh import Mesh
from pilot.operating import DebugSettings
from tests.pilot.gatewayapi.worlds import HTTP, OPEN, gateway, route, world
from tests.pilot.status.worlds import served

BAD = gateway(f"[{{name: tls, port: 443, protocol: HTTPS, {OPEN}, tls: {{certificateRefs: [{{name: x}}]}}}}]")
TEXT = BAD + served(port=443) + route("HTTPRoute", "rules: []")


def run(*arguments: str) -> Result:
    """The command."""
    return CliRunner().invoke(status, list(arguments))


@pytest.fixture
def directory(tmp_path: Path) -> str:
    """One with a Gateway whose listener has no certificate."""
    versions = {"Service": "v1", "EndpointSlice": "discovery.k8s.io/v1"}
    documents = [each for each in yaml.safe_load_all(TEXT) if each]
    for each in documents:
        each.setdefault("apiVersion", versions.get(each["kind"], "gateway.networking.k8s.io/v1"))
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all(documents))
    return str(tmp_path)


def test_a_directory_is_enough(directory: str) -> None:
    result = run("--configDir", directory)
    assert result.exit_code == 0, result.output
    assert "InvalidCertificateRef: expected Secret gws/x, which is not there" in result.output
    (listener,) = (line for line in result.output.splitlines() if " tls " in line)
    assert listener.split()[:5] == ["Gateway", "gws", "main", "tls", "1"]


def test_json_and_yaml_are_the_whole_status(directory: str) -> None:
    found = json.loads(run("gateway/main", "-f", directory, "-o", "json").output)
    assert [each["kind"] for each in found] == ["Gateway"]
    assert found[0]["status"]["listeners"][0]["attachedRoutes"] == 1
    assert list(yaml.safe_load_all(run("gateway/main", "-f", directory, "-o", "yaml").output)) == found


def test_problems_stand_beside_objects_without_conditions(directory: str) -> None:
    gateway = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: old, namespace: gws}
spec:
  selector: {app: gw}
  servers: [{port: {number: 443, name: a, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: none}}]
---
{apiVersion: v1, kind: Pod, metadata: {name: gw, namespace: gws, labels: {app: gw}}, status: {podIP: 10.1.1.9}}
"""
    Path(directory, "old.yaml").write_text(gateway)
    (line,) = (each for each in run("gateway/old", "-f", directory).output.splitlines() if " old " in each)
    assert "spec.servers[0].tls: expected Secret gws/none, which is not there: handshakes fail" in line


def test_who_names_what_is_not_there_is_told(directory: str) -> None:
    result = run("gateway/nobody", "-n", "gws", "-f", directory)
    assert result.exit_code == 1
    assert "gateway/nobody: nothing is known of it in gws" in result.output


def test_a_mistake_in_a_file_is_told_beside(directory: str) -> None:
    Path(directory, "bad.yaml").write_text("kind: {")
    result = run("-f", directory)
    assert result.exit_code == 0
    assert "bad.yaml" in result.stderr


async def test_a_running_control_plane_is_asked() -> None:
    application, console = web.Application(), Console()
    console.add(status_entry(Mesh(world(HTTP)), tuple, tuple))
    DebugFront(console, Access(DebugSettings(), str)).add_to(application)
    async with TestServer(application) as server:
        result = await asyncio.to_thread(run, "gateway", "--address", f"127.0.0.1:{server.port}")
    assert result.exit_code == 0
    assert result.output.splitlines()[1].split()[:3] == ["Gateway", "gws", "main"]


def test_nobody_answers() -> None:
    result = run("--address", "127.0.0.1:1")
    assert result.exit_code == 1
    assert "no answer" in result.output
