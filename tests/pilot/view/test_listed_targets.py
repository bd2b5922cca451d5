from pilot.model.snapshot import Snapshot
from pilot.view.listed_targets import listed_targets
from tests.pilot.model.meshes import edit, mesh_of

POD = "kind: Pod\nmetadata: {name: web-0, namespace: app, labels: {app: web}}\nstatus: {podIP: 10.1.0.1}\n"
SERVICE = """---
kind: Service
metadata: {name: written, namespace: app}
spec: {%s ports: [{name: http, port: 80, targetPort: 1}, {name: tcp, port: 90}]}
"""
SLICE = """---
kind: EndpointSlice
metadata: {name: x, namespace: app, labels: {kubernetes.io/service-name: written}}
addressType: IPv4
endpoints: [{addresses: [%s]}]
ports: [{name: http, port: 8080}]
"""


def found(snapshot: Snapshot) -> list[tuple[str, int, int]]:
    pod = snapshot.workloads.pod("app", "web-0")
    assert pod is not None
    return [(each.service.name, each.port.number, each.target_port) for each in listed_targets(snapshot, (pod,))]


def test_a_written_slice_makes_the_pod_a_target() -> None:
    assert found(mesh_of(POD + SERVICE % "" + SLICE % "10.1.0.1")) == [("written", 80, 8080)]
    assert found(mesh_of(POD + SERVICE % "" + SLICE % "10.1.0.2")) == []


def test_the_slice_may_name_the_pod() -> None:
    named = SLICE.replace("[%s]", "[10.1.0.1], targetRef: {kind: Pod, name: web-0}")
    assert found(mesh_of(POD + SERVICE % "" + named)) == [("written", 80, 8080)]


def test_core_endpoints_do_too() -> None:
    core = """---
kind: Endpoints
metadata: {name: written, namespace: app}
subsets: [{addresses: [{ip: 10.1.0.1}], ports: [{name: tcp, port: 9000}]}]
"""
    assert found(mesh_of(POD + SERVICE % "" + core)) == [("written", 90, 9000)]


def test_a_service_that_selects_is_not_looked_up_here() -> None:
    assert found(mesh_of(POD + SERVICE % "selector: {app: other}," + SLICE % "10.1.0.1")) == []


ENTRY = """---
kind: ServiceEntry
metadata: {name: ext, namespace: %s}
spec:
  hosts: [ext.com]
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: %s, ports: {http: 8080}}]
"""


def test_an_entry_of_the_namespace_that_lists_the_address_makes_a_target() -> None:
    assert found(mesh_of(POD + ENTRY % ("app", "10.1.0.1"))) == [("ext.com", 80, 8080)]
    assert found(mesh_of(POD + ENTRY % ("app", "10.1.0.9"))) == []
    assert found(mesh_of(POD + ENTRY % ("other", "10.1.0.1"))) == []


def test_an_edited_entry_is_looked_at_again() -> None:
    snapshot = mesh_of(POD + ENTRY % ("app", "10.1.0.1"))
    assert found(edit(snapshot, ENTRY.removeprefix("---") % ("app", "10.1.0.9"))[0]) == []
