"""`meshpilot diff`."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from pilot.cli import envoy_check
from pilot.cli.diff import diff
from tests.pilot.cli.pages import serving
from tests.pilot.explain.worlds import MESH

CHANGE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: app}
spec: {hosts: [web], http: [{timeout: 3s, route: [{destination: {host: web}}]}]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    versions = {"Service": "v1", "Pod": "v1", "EndpointSlice": "discovery.k8s.io/v1"}
    documents = list(yaml.safe_load_all(MESH))
    for each in documents:
        each["apiVersion"] = versions.get(each["kind"], "networking.istio.io/v1")
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "mesh.yaml").write_text(yaml.safe_dump_all(documents))
    (tmp_path / "change.yaml").write_text(CHANGE)
    return tmp_path


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        diff, ["-f", str(folder / "change.yaml"), "--configDir", str(folder / "mesh"), *arguments]
    )


def test_a_change_is_shown_by_class(folder: Path) -> None:
    result = run(folder, "--no-validate")
    assert result.exit_code == 1
    assert "sidecar caller.app" in result.output
    assert "2 of 3 proxies" in result.output
    found = json.loads(run(folder, "--no-validate", "-o", "json").stdout)
    assert [each["types"]["RDS"]["changed"] for each in found["classes"]] == [["80"], ["80"]]
    assert yaml.safe_load(run(folder, "--no-validate", "-o", "yaml").stdout) == found
    assert not any("resources" in each for each in found["classes"])


def test_nothing_differs_and_what_is_refused(folder: Path) -> None:
    (folder / "change.yaml").write_text("{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}")
    same = run(folder)
    assert (same.exit_code, "nothing changes for any of 3 proxies" in same.output) == (0, True)
    (folder / "change.yaml").write_text(
        "{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: x}, spec: 7}"
    )
    assert run(folder).exit_code == 3


def test_what_an_envoy_rejects_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def verdict(_: Path, resources: Any) -> tuple[str, str]:
        asked.append([each["name"] for each in resources])
        return "rejected", "bad route"

    monkeypatch.setattr(envoy_check, "verdict", verdict)
    binary = folder / "envoy"
    binary.touch()
    result = run(folder, "--envoy", str(binary))
    assert (result.exit_code, asked) == (3, [["80"], ["80"]])
    assert "envoy: rejected: bad route" in result.output
    assert run(folder, "--envoy", str(folder / "none")).exit_code == 2


def test_a_running_control_plane_is_asked(folder: Path) -> None:
    told = {"refused": [], "warnings": ["w"], "problems": ["p"], "proxies": 0, "of": 5, "bytes": 0, "classes": []}
    with serving({"/debug/diff": lambda _: (200, told)}) as address:
        result = CliRunner().invoke(diff, ["-f", str(folder / "change.yaml"), "--address", address])
    assert result.exit_code == 0
    assert "nothing changes for any of 5 proxies" in result.output
