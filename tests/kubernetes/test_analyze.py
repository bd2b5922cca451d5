"""Every recorded case of an analysis on a real API server: what is found there is what istioctl found.

The objects of a case are created (what the API server refuses is left out, as it was for istioctl), the cluster is
analyzed, and emptied for the next one.
"""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from ca.errors import KubernetesError
from pilot.cli.analyze import analyze
from tests.kubernetes.cluster import TestCluster
from tests.shared import shared_directory, shared_path

pytestmark = [pytest.mark.kubernetes, pytest.mark.shared, pytest.mark.timeout(120)]

FOLDER = shared_directory() / "aux" / "analyze"
CASES = sorted(each.name for each in FOLDER.glob("*-*") if each.is_dir())


def documents(folder: Path, files: list[str]) -> list[dict[str, Any]]:
    """Objects of a case, and the injector that the recorded cluster had."""
    found = [each for name in files for each in yaml.safe_load_all((folder / name).read_text()) if each]
    names = {(each["kind"], each["metadata"]["name"]) for each in found}
    if ("ConfigMap", "istio-sidecar-injector") not in names:
        values = shared_path("aux", "inject", "_default", "values.yaml").read_text()
        place = {"name": "istio-sidecar-injector", "namespace": "istio-system"}
        found.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": place, "data": {"values": values}})
    there = {each["metadata"]["name"] for each in found if each["kind"] == "Namespace"}
    wanted = {each["metadata"].get("namespace") for each in found} - {None, "default", "istio-system", "kube-system"}
    found += [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": each}} for each in sorted(wanted - there)]
    return sorted(found, key=lambda each: each["kind"] != "Namespace")


async def _load(cluster: TestCluster, wanted: list[dict[str, Any]], refused: set[str]) -> None:
    for each in wanted:
        if f"{each['kind']} {each['metadata']['name']}" in refused:
            continue
        try:
            await cluster.create(each)
        except KubernetesError as error:
            raise AssertionError(f"{each['kind']} {each['metadata']['name']}: {error}") from error
    await cluster.close()


async def _empty(cluster: TestCluster) -> None:
    await cluster.wipe()
    await cluster.close()


@pytest.mark.parametrize("case", CASES)
def test_a_live_cluster_is_found_to_be_as_recorded(case: str, defined_cluster: TestCluster) -> None:
    folder = FOLDER / case
    recorded = yaml.safe_load((folder / "case.yaml").read_text())
    files = [each for each in recorded["args"] if each.endswith(".yaml") and each != "mesh.yaml"]
    refused = {each.partition(":")[0] for each in recorded["live"]["rejectedByApiServer"]}
    options = [str(folder / each) if each == "mesh.yaml" else each for each in recorded["live"]["args"][1:]]
    try:
        asyncio.run(_load(defined_cluster, documents(folder, files), refused))
        result = CliRunner().invoke(analyze, [*options, "--kubeconfig", str(defined_cluster.server.kubeconfig)])
    finally:
        asyncio.run(_empty(defined_cluster))
    assert result.exit_code == 0, result.output
    found, expected = json.loads(result.stdout), json.loads((folder / "expected-live.json").read_text())

    def keys(messages: list[Any]) -> Counter[tuple[str, str, str]]:
        return Counter((each["code"], each["level"], each["origin"]) for each in messages)

    assert keys(found) == keys(expected)
    assert not any("reference" in each for each in found)
