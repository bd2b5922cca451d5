"""What an analysis of files finds equals what istioctl found in a live cluster with the same objects.

Comes in: recorded cases, and the injector's values that the recorded cluster had. Goes out: one test for each. Compared
are code, level and origin of every message, how often each was said, and the keys of JSON. Words are our own.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from pilot.cli.analyze import analyze
from tests.shared import shared_directory, shared_path

pytestmark = pytest.mark.shared

_FOLDER = shared_directory() / "aux" / "analyze"
CASES = sorted(each.name for each in _FOLDER.iterdir() if each.is_dir()) if _FOLDER.is_dir() else ["none"]
_INJECTOR = "istio-sidecar-injector"


def base(folder: Path, texts: str) -> list[str]:
    """The injector of the recorded cluster, as a file, where the case brings none."""
    if _INJECTOR in texts and "kind: ConfigMap" in texts:
        return []
    values = shared_path("aux", "inject", "_default", "values.yaml").read_text()
    metadata = {"name": _INJECTOR, "namespace": "istio-system"}
    file = folder / "base.json"
    file.write_text(
        json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"values": values}})
    )
    return [str(file)]


def key(message: Any) -> tuple[str, str, str]:
    return message["code"], message["level"], message["origin"]


@pytest.mark.parametrize("case", CASES)
def test_files_are_found_to_be_as_the_live_cluster(case: str, tmp_path: Path) -> None:
    folder = shared_path("aux", "analyze", case)
    recorded = yaml.safe_load((folder / "case.yaml").read_text())
    given = recorded["args"]
    files = [str(folder / each) for each in given if each.endswith(".yaml") and each != "mesh.yaml"]
    options = [
        str(folder / each) if each == "mesh.yaml" else each for each in given[1:] if str(folder / each) not in files
    ]
    texts = "".join(Path(each).read_text() for each in files)
    result = CliRunner().invoke(analyze, [*options, *files, *base(tmp_path, texts)])
    assert result.exit_code == 0, result.output
    found, expected = json.loads(result.stdout), json.loads((folder / "expected-live.json").read_text())
    refused = {each.partition(":")[0] for each in recorded["live"]["rejectedByApiServer"]}
    found = [each for each in found if each["origin"].replace(" shop/", " ") not in refused]  # they never got there
    assert Counter(map(key, found)) == Counter(map(key, expected))
    assert {frozenset(each) - {"reference"} for each in found} <= {frozenset(each) for each in expected}


def test_places_in_files_are_those_of_istioctl() -> None:
    """Of what it finds without a cluster; where it names the document's first line, we may know better."""
    compared = 0
    for case in CASES:
        folder = _FOLDER / case
        expected = json.loads((folder / "expected.json").read_text())
        if not expected or not (folder / "input.yaml").exists():
            continue
        result = CliRunner().invoke(analyze, ["--use-kube=false", "-o", "json", str(folder / "input.yaml")])
        ours = {(*key(each), each.get("reference", "").rpartition("/")[2]) for each in json.loads(result.stdout)}
        starts = {
            line for line, text in enumerate((folder / "input.yaml").read_text().split("\n"), 1) if "apiVersion" in text
        }
        for each in expected:
            if int(each["reference"].partition(":")[2]) not in starts and each["code"] == "IST0101":
                compared += 1
                assert (*key(each), each["reference"]) in ours, case
    assert compared >= 5
