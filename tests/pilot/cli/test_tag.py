"""`meshpilot tag`: what it reads from a cluster and writes to it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from ca.errors import KubernetesError
from pilot.cli import tag as command
from webhook import configurations
from webhook.configurations import Endpoint

MUTATING = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
VALIDATING = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"


class FakeCluster:
    """Objects by collection and name, as an API server keeps them."""

    def __init__(self, *revisions: str) -> None:
        made = [configurations.build_injection(each, Endpoint(service=f"istiod-{each}")) for each in revisions]
        self.objects: dict[str, dict[str, Any]] = {MUTATING: {each["metadata"]["name"]: each for each in made}}
        self.objects[VALIDATING] = {}
        self.objects["/api/v1/namespaces"] = {
            "shop": {"metadata": {"name": "shop", "labels": {"istio.io/rev": "prod"}}}
        }

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, _: str = "") -> Any:
        if path in self.objects and method == "GET":
            return {"items": list(self.objects[path].values())}
        if method == "POST":
            assert body is not None
            self.objects[path][body["metadata"]["name"]] = body
            return body
        collection, _slash, name = path.rpartition("/")
        if name not in self.objects[collection]:
            raise KubernetesError(f"{method} {path}", 404)
        if method == "DELETE":
            return self.objects[collection].pop(name)
        if method == "PUT":
            assert body is not None
            assert body["metadata"]["resourceVersion"] == "1"
            self.objects[collection][name] = body
        found = self.objects[collection][name]
        return {**found, "metadata": {**found["metadata"], "resourceVersion": "1"}}

    async def close(self) -> None:
        pass


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    made = FakeCluster("default", "canary")

    async def connect(kubeconfig: Path | None, context: str | None) -> FakeCluster:
        return made

    monkeypatch.setattr(command, "connect", connect)
    return made


def run(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(command.tag, list(arguments), input=answer)


def test_a_tag_is_set_listed_changed_and_removed(cluster: FakeCluster) -> None:
    assert run("set", "prod", "-r", "canary").exit_code == 0
    assert json.loads(run("list", "-o", "json").stdout) == [
        {"tag": "prod", "revision": "canary", "namespaces": ["shop"]}
    ]
    table, said = run("list").stdout.splitlines()[:2], run("list").stdout.splitlines()[2]
    assert [line.split() for line in table] == [["TAG", "REVISION", "NAMESPACES"], ["prod", "canary", "shop"]]
    assert said == "there is no default revision"
    assert "exists already" in run("set", "prod", "-r", "default").output
    assert run("set", "prod", "-r", "default", "--overwrite").exit_code == 0
    assert "istiod-default" in json.dumps(cluster.objects[MUTATING]["istio-revision-tag-prod"])
    assert run("remove", "prod", answer="n\n").exit_code == 1
    assert run("remove", "prod", "-y").exit_code == 0
    assert "istio-revision-tag-prod" not in cluster.objects[MUTATING]
    assert "there is no tag" in run("remove", "prod", "-y").output


def test_the_tag_default_brings_validation_and_silences_the_revision(cluster: FakeCluster) -> None:
    assert run("set", "default", "-r", "canary").exit_code == 0
    assert "the default revision is canary" in run("list").stdout
    assert configurations.DEFAULT_VALIDATOR in cluster.objects[VALIDATING]
    assert "never-match" in json.dumps(cluster.objects[MUTATING]["istio-sidecar-injector"])
    assert "never-match" not in json.dumps(cluster.objects[MUTATING]["istio-revision-tag-default"])


def test_a_tag_may_not_hide_a_revision_or_mean_none(cluster: FakeCluster) -> None:
    assert "is the name of a revision" in run("set", "canary", "-r", "default").output
    assert "no injection webhook" in run("set", "prod", "-r", "nowhere").output


def test_generating_writes_nothing(cluster: FakeCluster) -> None:
    (made,) = yaml.safe_load_all(run("generate", "prod", "-r", "canary").stdout)
    assert made["metadata"]["labels"]["istio.io/tag"] == "prod"
    assert len(cluster.objects[MUTATING]) == 2
