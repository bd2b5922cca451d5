"""EnvoyFilters, Telemetries and WasmPlugins in a snapshot: what a change of them means."""

import pytest

from pilot.model.extensions import Extensions, counts, update
from pilot.model.object_store import ObjectStore, Replacement
from pilot.resources import Origin
from tests.pilot.generators.patching.filters_of import envoy_filter, patch
from tests.pilot.model.meshes import edit, mesh_of, only, remove

LOGS = """
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: logs, namespace: shop}
spec: {accessLogging: [{providers: [{name: envoy}]}]}
"""
PLUGIN = """
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: auth, namespace: shop}
spec: {url: "oci://images.example.com/auth:1"}
"""
PATCH = envoy_filter(patch("CLUSTER", "REMOVE"), namespace="shop")


@pytest.mark.parametrize(
    ("document", "kind", "name"),
    [(PATCH, "EnvoyFilter", "patches"), (LOGS, "Telemetry", "logs"), (PLUGIN, "WasmPlugin", "auth")],
)
def test_an_extension_is_a_change_that_names_it(document: str, kind: str, name: str) -> None:
    snapshot, change = edit(mesh_of(""), document)
    assert change.full
    assert change.updated == {Origin(kind, "shop", name)}
    gone, change = remove(snapshot, kind, "shop", name)
    assert change.full
    assert gone.extensions == Extensions()


@pytest.mark.parametrize("document", [PATCH, LOGS, PLUGIN])
def test_what_says_the_same_is_no_change(document: str) -> None:
    snapshot = mesh_of(document)
    after, change = edit(
        snapshot,
        document.replace("namespace: shop", "namespace: shop\n  labels: {a: b}")
        .replace("{name: logs, namespace: shop\n  labels: {a: b}}", "{name: logs, namespace: shop, labels: {a: b}}")
        .replace("{name: auth, namespace: shop\n  labels: {a: b}}", "{name: auth, namespace: shop, labels: {a: b}}"),
    )
    assert not change
    assert after.extensions is snapshot.extensions


def test_problems_of_patches_are_problems_of_the_mesh() -> None:
    snapshot = mesh_of(envoy_filter(patch("CLUSTER", "ADD")))
    assert any("expected a value to ADD" in each.message for each in snapshot.problems)


def test_other_objects_change_nothing() -> None:
    old = Extensions()
    sidecar = only("kind: Sidecar\nmetadata: {name: a, namespace: b}")
    replaced = Replacement(sidecar.key, None, sidecar)
    assert update(old, ObjectStore(), (replaced,)) is old
    assert not counts(old, old, replaced)
