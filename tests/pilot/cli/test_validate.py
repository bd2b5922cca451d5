"""`meshpilot validate` says what a webhook would say."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from pilot.cli.validate import validate
from tests.shared import shared_path

GOOD = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: good}
spec:
  hosts: [a]
  http: [{route: [{destination: {host: a}}]}]
"""
BAD = GOOD.replace("good", "bad, namespace: ns").replace("destination: {host: a}", "destination: {}")
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"


def run(*arguments: str, text: str = "") -> Result:
    return CliRunner().invoke(validate, list(arguments), input=text)


def test_right_objects_are_no_failure(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"{GOOD}---\n{POD}")
    result = run("-f", str(tmp_path / "a.yaml"))
    assert (result.exit_code, result.stdout) == (0, "2 objects, 0 refused\n")


def test_a_refused_object_is_named_with_its_fields(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(BAD)
    result = run("-f", str(tmp_path))
    assert result.exit_code == 1
    expected = "VirtualService ns/bad: refused: configuration is invalid: spec.http[0].route[0].destination.host:"
    assert expected in result.stdout


def test_json_has_an_entry_for_every_object() -> None:
    result = run("-f", "-", "-o", "json", "-n", "mine", text=f"{GOOD}---\n{BAD}")
    good, bad = json.loads(result.stdout)
    assert good == {
        "file": "-", "kind": "VirtualService", "namespace": "mine", "name": "good",
        "allowed": True, "message": "", "warnings": [],
    }  # fmt: skip
    assert (bad["allowed"], bad["namespace"], result.exit_code) == (False, "ns", 1)


def test_lists_are_unrolled_and_broken_text_is_refused(tmp_path: Path) -> None:
    items = [yaml.safe_load(GOOD), yaml.safe_load(BAD)]
    (tmp_path / "list.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    (tmp_path / "z.yaml").write_text("a: [\n---\njust text\n")
    (tmp_path / "z.json").write_text("{")
    entries = json.loads(run("-f", str(tmp_path), "-o", "json").stdout)
    assert [each["allowed"] for each in entries] == [True, False, False, False, False]


def test_unknown_fields_are_told_apart() -> None:
    result = run("-f", "-", text=GOOD + "  hots: [a]\n")
    assert result.exit_code == 0
    assert "spec.hots: unknown field" in result.stderr


def test_a_file_that_is_not_there_is_an_error() -> None:
    assert run("-f", "/nowhere.yaml").exit_code == 1


@pytest.mark.shared
def test_every_recorded_verdict_is_that_of_the_command() -> None:
    cases = shared_path("aux", "validate", "cases")
    entries = json.loads(run("-f", str(cases), "-o", "json").stdout)
    expected = yaml.load(shared_path("aux", "validate", "expected.yaml").read_text(), yaml.CSafeLoader)
    assert {Path(each["file"]).stem: each["allowed"] for each in entries} == {
        name: verdict["allowed"] for name, verdict in expected.items()
    }
