"""`meshpilot waypoint`: what it reads from a cluster or directory, and what it writes there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from ca.errors import KubernetesError
from pilot.cli import waypoint as command

GATEWAYS = "/apis/gateway.networking.k8s.io/v1"


class FakeCluster:
    """Gateways and namespaces, as an API server keeps them."""

    def __init__(self) -> None:
        self.gateways: dict[tuple[str, str], dict[str, Any]] = {}
        self.namespaces: dict[str, dict[str, Any]] = {"default": {"metadata": {"name": "default", "labels": {}}}}
        self.applied: list[str] = []
        self.looks = 0
        self.ready_after = 0

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, kind: str = "") -> Any:
        if path.startswith("/api/v1/namespaces/"):
            return self._namespace(method, path.rpartition("/")[2], body)
        place = path.removeprefix(GATEWAYS).partition("?")[0].strip("/").split("/")
        if method == "GET":
            self.looks += 1
            wanted = place[1] if len(place) > 1 else ""
            found = [each for (namespace, _), each in self.gateways.items() if wanted in ("", namespace)]
            return {"items": [self._with_status(each) for each in found]}
        key = (place[1], place[3])
        if method == "DELETE":
            if key not in self.gateways:
                raise KubernetesError(f"DELETE {path}", 404)
            return self.gateways.pop(key)
        assert (method, kind) == ("PATCH", "application/apply-patch+yaml")
        assert body is not None
        self.applied.append(path.partition("?")[2])
        self.gateways[key] = dict(body)
        return body

    def _namespace(self, method: str, name: str, body: Mapping[str, Any] | None) -> Any:
        if name not in self.namespaces:
            raise KubernetesError(f"{method} {name}", 404)
        if body is not None:
            self.namespaces[name]["metadata"]["labels"].update(body["metadata"]["labels"])
        return self.namespaces[name]

    def _with_status(self, gateway: dict[str, Any]) -> dict[str, Any]:
        ready = "True" if self.looks > self.ready_after else "False"
        condition = {"type": "Programmed", "status": ready, "reason": "Programmed", "message": "Resource programmed"}
        return {**gateway, "status": {"conditions": [condition]}}

    async def close(self) -> None:
        pass


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    made = FakeCluster()

    async def connect(kubeconfig: Path | None, context: str | None) -> FakeCluster:
        return made

    monkeypatch.setattr(command, "connect", connect)
    monkeypatch.setattr(command, "PAUSE", 0)
    return made


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command.waypoint, list(arguments))


def table(result: Result) -> list[list[str]]:
    return [line.split("  ") and line.split() for line in result.stdout.splitlines()]


def test_generate_prints_a_gateway_with_nothing_that_was_not_asked_for() -> None:
    assert yaml.safe_load(run("generate").stdout) == {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "waypoint"},
        "spec": {
            "gatewayClassName": "istio-waypoint",
            "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE"}],
        },
    }


def test_generate_says_namespace_traffic_and_revision_where_they_are_given() -> None:
    made = yaml.safe_load(run("generate", "--name", "w", "-n", "shop", "--for", "all", "-r", "canary").stdout)

    assert made["metadata"] == {
        "name": "w",
        "namespace": "shop",
        "labels": {"istio.io/waypoint-for": "all", "istio.io/rev": "canary"},
    }
    assert run("generate", "--for", "everything").exit_code == 2


def test_a_waypoint_is_applied_listed_and_deleted(cluster: FakeCluster) -> None:
    assert run("apply", "--for", "service").stdout == "waypoint default/waypoint applied\n"
    assert cluster.applied == ["fieldManager=istioctl"]
    assert table(run("list")) == [
        ["NAME", "REVISION", "TRAFFIC", "TYPE", "PROGRAMMED"],
        ["waypoint", "default", "service", "True"],
    ]
    assert table(run("list", "-A"))[1][0] == "default"
    assert run("delete", "waypoint").stdout == "waypoint default/waypoint deleted\n"
    assert "there is no waypoint default/waypoint" in run("delete", "waypoint").output
    assert run("list").stdout == "no waypoints found\n"


def test_only_waypoints_are_listed_and_deleted(cluster: FakeCluster) -> None:
    other = {"metadata": {"name": "gate", "namespace": "default"}, "spec": {"gatewayClassName": "istio"}}
    cluster.gateways["default", "gate"] = other
    run("apply", "--name", "one")

    assert [row[0] for row in table(run("list"))[1:]] == ["one"]
    assert run("delete", "--all").exit_code == 0
    assert list(cluster.gateways) == [("default", "gate")]
    assert run("delete").exit_code == 2


def test_a_namespace_is_enrolled_and_another_waypoint_is_not_replaced_unasked(cluster: FakeCluster) -> None:
    assert run("apply", "--enroll-namespace").exit_code == 0
    assert cluster.namespaces["default"]["metadata"]["labels"] == {"istio.io/use-waypoint": "waypoint"}

    assert "--overwrite" in run("apply", "--name", "other", "--enroll-namespace").output
    assert run("apply", "--name", "other", "--enroll-namespace", "--overwrite").exit_code == 0
    assert cluster.namespaces["default"]["metadata"]["labels"]["istio.io/use-waypoint"] == "other"
    assert "there is no namespace" in run("apply", "-n", "nowhere", "--enroll-namespace").output


def test_status_waits_until_the_waypoint_is_ready(cluster: FakeCluster) -> None:
    run("apply")
    cluster.looks, cluster.ready_after = 0, 3
    found = run("status")

    assert found.exit_code == 0
    assert table(found)[1][:4] == ["waypoint", "True", "Programmed", "Programmed"]


def test_patience_ends(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    run("apply")
    cluster.looks, cluster.ready_after = 0, 1_000_000
    monkeypatch.setattr(command, "PATIENCE", 0)

    assert run("status", "waypoint").exit_code == 1
    assert "there is no waypoint" in run("status", "other").output


def test_a_directory_is_as_good_as_a_cluster(tmp_path: Path) -> None:
    place = ("-f", str(tmp_path))

    assert run("apply", "-n", "shop", "--enroll-namespace", *place).exit_code == 0
    assert table(run("list", "-n", "shop", *place))[1] == ["waypoint", "default", "none", "False"]
    assert run("delete", "waypoint", "-n", "shop", *place).exit_code == 0
    assert run("list", "-A", *place).stdout == "no waypoints found\n"
