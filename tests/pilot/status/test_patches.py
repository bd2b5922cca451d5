"""What patches do for connected proxies, in the mesh of the recordings."""

from pilot.memo import finish
from pilot.mesh import Mesh, class_of
from pilot.resources import Origin, resource_of_bytes, resource_set
from pilot.status import patches, refusals
from pilot.status.patches import FilterRow
from pilot.type_urls import CLUSTER, LISTENER
from pilot.xds.quarantine import Entry, Quarantine, Refusal
from tests import recordings
from tests.pilot.debug.worlds import bookinfo, connections

FILTER = """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: some, namespace: istio-system}
spec:
  configPatches:
  - {applyTo: CLUSTER, match: {cluster: {name: BlackHoleCluster}}, patch: {operation: REMOVE}}
  - {applyTo: CLUSTER, match: {cluster: {name: nobody}}, patch: {operation: REMOVE}}
  - {applyTo: CLUSTER, patch: {operation: ADD, value: {name: [1]}}}
  - {applyTo: BOOTSTRAP, patch: {operation: MERGE, value: {stats_flush_interval: 1s}}}
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: elsewhere, namespace: nowhere}
spec:
  configPatches:
  - {applyTo: CLUSTER, match: {cluster: {name: BlackHoleCluster}}, patch: {operation: REMOVE}}
"""


def told(mesh: Mesh, refused: tuple[Entry, ...] = ()) -> dict[str, FilterRow]:
    found = patches.groups(connections(mesh), class_of, refusals.describe)
    done = finish(patches.reports(mesh.snapshot, found))
    return {each.name: each for each in patches.rows(mesh.snapshot, found, done, refused)}


def patched() -> Mesh:
    mesh = bookinfo()
    mesh.snapshot, _ = mesh.snapshot.apply(list(recordings.decode_objects(FILTER)))
    return mesh


def test_each_patch_has_a_verdict() -> None:
    found = told(patched())
    removed, silent, broken, bootstrap = found["some"].patches
    assert removed.verdict == "applied for 3 of 3 proxies"
    assert {each.resources for each in removed.classes} == {("CDS BlackHoleCluster",)}
    assert silent.verdict == "matched nothing"
    assert "expected a value of type envoy.config.cluster.v3.Cluster" in broken.verdict
    assert bootstrap.verdict == "is a part of bootstraps: what it did cannot be seen from here"
    (elsewhere,) = found["elsewhere"].patches
    assert (elsewhere.verdict, elsewhere.classes) == ("no connected proxy has it", ())


def test_a_refusal_is_told_of_the_patch_that_made_the_resource() -> None:
    mesh, ward = patched(), Quarantine()
    class_ = class_of(connections(mesh)[0].proxy)
    origin = Origin("EnvoyFilter", "istio-system", "some")
    for type_url, name in ((CLUSTER, "BlackHoleCluster"), (LISTENER, "other")):
        sent = resource_set([resource_of_bytes(type_url, name, b"bad", (origin,))])
        ward.refused(Refusal((class_, type_url), "p-1", "no such thing", sent, resource_set(())), 0.0)
    removed, silent, *_ = told(mesh, ward.entries())["some"].patches
    assert removed.verdict == "rejected by 1 proxy: no such thing"
    assert [each.rejected for each in removed.classes if each.rejected_by] == [("no such thing",)]
    assert silent.verdict == "matched nothing"


def test_proxies_of_one_class_are_looked_at_once() -> None:
    mesh = patched()
    found = patches.groups(connections(mesh) * 2, class_of, refusals.describe)
    assert sorted(each.connected for each in found.values()) == [2, 2, 2]
