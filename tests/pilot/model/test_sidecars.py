from pilot.model.sidecars import Sidecars
from tests.pilot.model.meshes import edit, mesh_of


def sidecar(name: str, namespace: str = "app", selector: str = "", created: str = "2024-01-01T00:00:00Z") -> str:
    chosen = f"workloadSelector: {{labels: {selector}}}, " if selector else ""
    return f"""---
kind: Sidecar
metadata: {{name: {name}, namespace: {namespace}, creationTimestamp: "{created}"}}
spec: {{{chosen}egress: [{{hosts: ["./*"]}}]}}
"""


def name_of(sidecars: Sidecars, namespace: str = "app", **labels: str) -> str | None:
    found = sidecars.find(namespace, labels)
    return found.origin.name if found else None


def test_one_for_the_workload_wins_then_the_namespaces_then_the_roots() -> None:
    sidecars = mesh_of(
        sidecar("ns")
        + sidecar("web", selector="{app: web}")
        + sidecar("root", "istio-system")
        + sidecar("rootweb", "istio-system", "{app: web}")
    ).sidecars
    assert name_of(sidecars, app="web") == "web"
    assert name_of(sidecars, app="api") == "ns"
    assert name_of(sidecars, "other", app="web") == "root"
    assert name_of(mesh_of(sidecar("ns")).sidecars, "other") is None


def test_the_oldest_counts() -> None:
    old = "2023-01-01T00:00:00Z"
    sidecars = mesh_of(
        sidecar("a")
        + sidecar("b", created=old)
        + sidecar("c", selector="{app: web}")
        + sidecar("d", selector="{app: web}", created=old)
    ).sidecars
    assert name_of(sidecars) == "b"
    assert name_of(sidecars, app="web") == "d"


def test_notes_on_a_sidecar_mean_nothing() -> None:
    snapshot = mesh_of(sidecar("a"))
    changed, change = edit(snapshot, sidecar("a").replace("namespace: app", "namespace: app, annotations: {x: y}"))
    assert not change
    assert changed.sidecars is snapshot.sidecars
