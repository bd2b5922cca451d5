"""`meshpilot explain PROXY URL`."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from pilot.cli.explain import explain
from pilot.cli.explain_request import request
from tests.pilot.cli.pages import serving
from tests.pilot.explain.worlds import MESH

TOLD = {
    "proxy": "p",
    "request": "GET http://web/",
    "steps": [{"step": "route", "name": "r[0]", "objects": ["VirtualService n/v"], "notes": ["timeout 3 s"]}],
    "outcome": "answered",
    "allowed": True,
}


@pytest.fixture
def directory(tmp_path: Path) -> str:
    versions = {"Service": "v1", "Pod": "v1", "EndpointSlice": "discovery.k8s.io/v1"}
    documents = list(yaml.safe_load_all(MESH))
    for each in documents:
        each["apiVersion"] = versions.get(each["kind"], "networking.istio.io/v1")
    (tmp_path / "mesh.yaml").write_text(yaml.safe_dump_all(documents))
    return str(tmp_path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(explain, list(arguments))


def test_a_running_control_plane_is_asked() -> None:
    asked: list[dict[str, str]] = []

    def page(query: dict[str, str]) -> tuple[int, Any]:
        asked.append(query)
        return 200, TOLD

    with serving({"/debug/explain": page}) as address:
        result = run("p", "http://web/", "-H", "a: b", "-H", "c: d", "-X", "POST", "--address", address)
        assert "from VirtualService n/v" in result.output
        assert "r[0]" in result.output
        assert "timeout 3 s" in result.output
        assert asked == [{"proxyID": "p", "url": "http://web/", "method": "POST", "headers": "a: b\nc: d"}]
        assert json.loads(run("--address", address, "-o", "json", "p", "http://web/").stdout) == TOLD
        assert yaml.safe_load(run("p", "http://web/", "--address", address, "-o", "yaml").stdout) == TOLD


def test_a_refused_request_is_an_exit_code() -> None:
    with serving({"/debug/explain": lambda _: (200, TOLD | {"allowed": False, "outcome": "403"})}) as address:
        assert run("p", "http://web/", "--address", address).exit_code == 1


def test_a_directory_is_enough(directory: str) -> None:
    result = run("caller.app", "http://web/", "-f", directory)
    assert result.exit_code == 0, result.output
    assert "answered by app/web-1 at 10.1.0.1:8080" in result.output
    assert run("nobody.app", "http://web/", "-f", directory).exit_code == 1
    assert "expected a URL" in run("caller.app", "ftp://web/", "-f", directory).output


def test_commands_of_the_group_stay_what_they_are() -> None:
    assert "envoyfilter" in run("--help").output
    assert "PROXY" in CliRunner().invoke(request, ["--help"]).output
