"""`meshpilot analyze`."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from ca.errors import KubernetesError
from pilot.analysis import cluster
from pilot.analysis.item import Item
from pilot.cli.analyze import analyze
from tests.pilot.analysis.worlds import FRUIT, items

ODD = FRUIT.replace("name: http", "name: odd")
LOST = "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: v, namespace: shop}, spec: {hosts: [a], http: [{route: [{destination: {host: gone}}]}]}}"  # noqa: E501


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.yaml").write_text(ODD)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "b.yaml").write_text(LOST)
    return tmp_path


def run(*arguments: str, text: str = "") -> Result:
    return CliRunner().invoke(analyze, list(arguments), input=text)


def test_files_and_directories_are_read(folder: Path) -> None:
    flat, deep = run("--use-kube=false", str(folder)), run("--use-kube=false", "-R", str(folder))
    assert (flat.exit_code, deep.exit_code) == (0, 79)
    assert "IST0118" in flat.output
    assert f"(VirtualService shop/v {folder}/below/b.yaml:1)" in deep.output


def test_thresholds_decide_what_is_said_and_what_fails(folder: Path) -> None:
    given = ("--use-kube=false", str(folder / "a.yaml"))
    assert run(*given, "--failure-threshold", "info").exit_code == 79
    silent = run(*given, "--output-threshold", "Error")
    assert silent.exit_code == 0
    assert "No validation issues found" in silent.stderr
    assert run(*given, "-o", "json", "--failure-threshold", "info").exit_code == 0


def test_json_yaml_and_tables_say_the_same(folder: Path) -> None:
    given = ("--use-kube=false", str(folder / "a.yaml"), "-o")
    found = json.loads(run(*given, "json").stdout)
    assert [each["code"] for each in found] == ["IST0102", "IST0102", "IST0118"]
    assert yaml.safe_load(run(*given, "yaml").stdout) == found
    assert "IST0118" in run(*given, "table").stdout


def test_a_namespace_is_enough(folder: Path) -> None:
    found = json.loads(run("--use-kube=false", "-n", "far", "-o", "json", str(folder / "a.yaml")).stdout)
    assert {each["code"] for each in found} == {"IST0102"}


def test_standard_input_is_a_file_and_broken_text_fails() -> None:
    assert "IST0118" in run("--use-kube=false", "-", text=ODD).output
    assert run("--use-kube=false", "-", text="kind: {").exit_code == 65
    assert run("--use-kube=false", "--ignore-unknown", "-", text="kind: {").exit_code == 0


def test_questions_that_cannot_be_answered_are_usage_errors(tmp_path: Path) -> None:
    assert run("--use-kube=false").exit_code == 2
    assert run("--use-kube=false", "-S", "x", "-").exit_code == 2
    assert run("--use-kube=false", str(tmp_path / "none.yaml")).exit_code == 1


def test_analyzers_and_codes_can_be_listed() -> None:
    listed = run("-L").output
    assert "service.PortNames" in listed
    assert "IST0118" in listed


class FakeCluster:
    """A connection."""

    async def close(self) -> None:
        """Nothing is open."""


def test_a_cluster_is_read_and_files_come_on_top(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(*_: Any) -> FakeCluster:
        return FakeCluster()

    async def read(_: Any, name: str) -> tuple[list[Item], list[str]]:
        return list(items(FRUIT, LOST)), ["Secret: may not be listed"]

    monkeypatch.setattr("pilot.kube_client.connect", connect)
    monkeypatch.setattr(cluster, "read", read)
    assert "IST0101" in run("-A").output
    assert "IST0101" not in run().output  # another namespace
    result = run("-A", str(folder / "a.yaml"))
    assert "IST0118" in result.output
    assert "may not be listed" in result.stderr


def test_a_cluster_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(*_: Any) -> FakeCluster:
        raise KubernetesError("no credentials")

    monkeypatch.setattr("pilot.kube_client.connect", connect)
    result = run()
    assert result.exit_code == 1
    assert "no credentials" in result.output
