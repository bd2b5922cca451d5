"""Which Telemetries hold for a workload."""

from pilot.model.policy_attachment import Policies, WorkloadPlace, update
from pilot.model.telemetries import CheckedTelemetry, check, select
from tests.pilot.model.meshes import objects

MESH = """
kind: Telemetry
metadata: {name: younger, namespace: istio-system, creationTimestamp: "2024-01-02T00:00:00Z"}
---
kind: Telemetry
metadata: {name: mesh, namespace: istio-system, creationTimestamp: "2024-01-01T00:00:00Z"}
---
kind: Telemetry
metadata: {name: shop, namespace: shop}
---
kind: Telemetry
metadata: {name: web, namespace: shop}
spec: {selector: {matchLabels: {app: web}}}
---
kind: Telemetry
metadata: {name: gateway, namespace: istio-system}
spec: {selector: {matchLabels: {app: web}}}
---
kind: Telemetry
metadata: {name: other, namespace: other}
"""


def declared() -> Policies[CheckedTelemetry]:
    documents = MESH.replace("kind: Telemetry", "apiVersion: telemetry.istio.io/v1\nkind: Telemetry")
    by_namespace: dict[str, list[CheckedTelemetry]] = {}
    for each in objects(documents):
        by_namespace.setdefault(each.namespace, []).append(check(each))  # type: ignore[arg-type]
    return update(Policies(), by_namespace)


def names(namespace: str, **labels: str) -> list[str]:
    return [each.key.name for each in select(declared(), "istio-system", WorkloadPlace(namespace, labels))]


def test_the_oldest_of_the_root_namespace_then_the_namespace_then_the_workload() -> None:
    assert names("shop", app="web") == ["mesh", "shop", "web"]
    assert names("shop") == ["mesh", "shop"]
    assert names("empty") == ["mesh"]


def test_a_selector_of_the_root_namespace_is_for_workloads_of_that_namespace() -> None:
    assert names("empty", app="web") == ["mesh"]


def test_a_workload_of_the_root_namespace_has_its_general_one_once() -> None:
    assert names("istio-system", app="web") == ["mesh", "gateway"]


def test_those_without_a_selector_hold_for_waypoints_too() -> None:
    place = WorkloadPlace("shop", {"app": "web"}, is_waypoint=True)

    assert [each.key.name for each in select(declared(), "istio-system", place)] == ["mesh", "shop"]
