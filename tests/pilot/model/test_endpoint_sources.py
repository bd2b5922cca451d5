from pathlib import Path

import pytest

from pilot.model.objects import Event
from pilot.model.service import Hostname, Namespace
from pilot.model.snapshot import Snapshot
from tests.pilot.model.meshes import edit, mesh_of, remove
from tests.recordings import read_scenario
from tests.shared import GOLDEN

WEB = (Hostname("web.app.svc.cluster.local"), Namespace("app"))
EXT = (Hostname("ext.com"), Namespace("app"))
SERVICE = """
kind: Service
metadata: {name: web, namespace: app}
spec: {clusterIP: 10.0.0.1, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
"""
PODS = """
---
kind: Pod
metadata: {name: web-0, namespace: app, labels: {app: web}}
status: {podIP: 10.1.0.1}
---
kind: Pod
metadata: {name: web-1, namespace: app, labels: {app: web}}
status: {podIP: 10.1.0.2}
"""


def slice_of(*addresses: str, name: str = "x", service: str = "web") -> str:
    listed = ", ".join(f"{{addresses: [{each}]}}" for each in addresses)
    return f"""
kind: EndpointSlice
metadata: {{name: {name}, namespace: app, labels: {{kubernetes.io/service-name: {service}}}}}
addressType: IPv4
endpoints: [{listed}]
ports: [{{name: http, port: 8080}}]
"""


def addresses(snapshot: Snapshot, service: tuple[Hostname, Namespace] = WEB) -> list[str]:
    found = snapshot.endpoints.get(service)
    return [each.address for each in found.endpoints] if found else []


def test_pods_stand_in_while_there_is_no_slice() -> None:
    snapshot = mesh_of(SERVICE + PODS)
    assert addresses(snapshot) == ["10.1.0.1", "10.1.0.2"]
    with_slice, _ = edit(snapshot, slice_of("10.1.0.2"))
    assert addresses(with_slice) == ["10.1.0.2"]
    empty, _ = edit(snapshot, slice_of())
    assert addresses(empty) == []
    without, _ = remove(with_slice, "EndpointSlice", "app", "x")
    assert without.endpoints == snapshot.endpoints


def test_core_endpoints_stand_in_while_there_is_no_slice() -> None:
    core = """
kind: Endpoints
metadata: {name: web, namespace: app}
subsets: [{addresses: [{ip: 192.0.2.1}], ports: [{name: http, port: 8080}]}]
"""
    snapshot, _ = edit(mesh_of(SERVICE + PODS), core)
    assert addresses(snapshot) == ["192.0.2.1"]
    assert addresses(edit(snapshot, slice_of("10.1.0.2"))[0]) == ["10.1.0.2"]


def test_a_slice_may_come_before_its_service() -> None:
    snapshot = mesh_of(slice_of("10.1.0.2"))
    assert snapshot.endpoints == {}
    assert addresses(edit(snapshot, SERVICE)[0]) == ["10.1.0.2"]


def test_a_pod_may_come_after_the_slice_that_names_it() -> None:
    named = slice_of("10.1.0.1").replace("]}]\nports", "], targetRef: {kind: Pod, name: web-0}}]\nports")
    assert "targetRef" in named
    snapshot = mesh_of(SERVICE + "---" + named)
    assert addresses(snapshot) == []
    assert addresses(edit(snapshot, PODS)[0]) == ["10.1.0.1"]


def test_several_slices_of_a_service_add_up() -> None:
    snapshot = mesh_of(SERVICE + "---" + slice_of("10.1.0.1") + "---" + slice_of("10.1.0.2", "10.1.0.1", name="y"))
    assert addresses(snapshot) == ["10.1.0.1", "10.1.0.2"]
    assert addresses(remove(snapshot, "EndpointSlice", "app", "x")[0]) == ["10.1.0.2", "10.1.0.1"]


def test_a_slice_can_move_to_another_service() -> None:
    other = SERVICE.replace("web", "other")
    snapshot = mesh_of(SERVICE + "---" + other + "---" + slice_of("10.1.0.1"))
    moved, change = edit(snapshot, slice_of("10.1.0.1", service="other"))
    assert addresses(moved) == []
    assert addresses(moved, (Hostname("other.app.svc.cluster.local"), Namespace("app"))) == ["10.1.0.1"]
    assert len(change.hosts) == 2


def test_entries_are_added_to_slices() -> None:
    entry = "kind: WorkloadEntry\nmetadata: {name: vm, namespace: app}\nspec: {address: 10.9.0.1, labels: {app: web}}"
    snapshot, _ = edit(mesh_of(SERVICE + "---" + slice_of("10.1.0.1")), entry)
    assert addresses(snapshot) == ["10.1.0.1", "10.9.0.1"]
    assert addresses(edit(snapshot, entry.replace("app: web", "app: x"))[0]) == ["10.1.0.1"]


EXTERNAL = """
kind: ServiceEntry
metadata: {name: ext, namespace: app}
spec:
  hosts: [ext.com]
  addresses: [10.2.0.1, 10.2.0.2]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
"""


def test_an_endpoint_is_there_once_for_each_address_of_its_entry() -> None:
    snapshot = mesh_of(EXTERNAL + "  workloadSelector: {labels: {app: web}}" + PODS)
    assert addresses(snapshot, EXT) == ["10.1.0.1", "10.1.0.2", "10.1.0.1", "10.1.0.2"]
    assert addresses(edit(snapshot, PODS.replace("app: web", "app: x"))[0], EXT) == []


def test_listed_endpoints_follow_an_edit() -> None:
    snapshot = mesh_of(EXTERNAL + "  endpoints: [{address: 1.1.1.1}]")
    changed, change = edit(snapshot, EXTERNAL + "  endpoints: [{address: 1.1.1.2}]")
    assert addresses(changed, EXT) == ["1.1.1.2", "1.1.1.2"]
    assert not change.full
    assert change.hosts == {EXT}
    assert changed.services is snapshot.services


def test_entries_of_one_host_do_not_disturb_each_other() -> None:
    other = EXTERNAL.replace("name: ext,", "name: more,") + "  endpoints: [{address: 2.2.2.2}]"
    snapshot = mesh_of(EXTERNAL + "  endpoints: [{address: 1.1.1.1}]\n---" + other)
    assert addresses(snapshot, EXT) == ["1.1.1.1", "1.1.1.1", "2.2.2.2", "2.2.2.2"]
    assert addresses(remove(snapshot, "ServiceEntry", "app", "ext")[0], EXT) == ["2.2.2.2", "2.2.2.2"]


@pytest.mark.parametrize(
    "directory", sorted(path for path in GOLDEN.iterdir() if path.is_dir()), ids=lambda path: path.name
)
def test_pods_give_what_the_recorded_slices_give(directory: Path) -> None:
    snapshot = read_scenario(directory)
    managed = "endpointslice.kubernetes.io/managed-by"
    gone = [each for each in snapshot.objects.all() if each.KIND == "EndpointSlice" and managed in each.metadata.labels]
    assert gone
    without, change = snapshot.apply([Event(each.key, None) for each in gone])
    assert without.endpoints == snapshot.endpoints
    assert not change
