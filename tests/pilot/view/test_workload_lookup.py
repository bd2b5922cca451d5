from pilot.model.peer_authentication import MtlsMode
from pilot.model.snapshot import Snapshot
from pilot.view.proxy import Proxy
from pilot.view.workload import Workload
from pilot.view.workload_lookup import identify, workload_of
from tests.pilot.model.meshes import edit, mesh_of
from tests.pilot.view.proxies import proxy


def workload(snapshot: Snapshot, seen: Proxy) -> Workload:
    return workload_of(snapshot, seen, identify(snapshot, seen))


def targets(snapshot: Snapshot, seen: Proxy) -> list[tuple[str, int, int]]:
    return [(each.service.name, each.port.number, each.target_port) for each in workload(snapshot, seen).targets]


def pod(name: str = "web-0", address: str = "10.1.0.1", labels: str = "app: web", node: str = "n1") -> str:
    return f"""---
kind: Pod
metadata: {{name: {name}, namespace: app, labels: {{{labels}}}}}
spec:
  serviceAccountName: web
  nodeName: {node}
  containers: [{{name: c, ports: [{{name: web, containerPort: 8080}}]}}]
status: {{podIP: {address}}}
"""


MESH = """---
kind: Node
metadata: {name: n1, labels: {topology.kubernetes.io/region: r, topology.kubernetes.io/zone: z}}
---
kind: Service
metadata: {name: web, namespace: app}
spec:
  clusterIP: 10.0.0.1
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: web}
  - {name: http-again, port: 81, targetPort: web}
  - {name: tcp-same, port: 82, targetPort: 8080}
  - {name: none, port: 83, targetPort: none}
  - {name: dns, port: 53, protocol: UDP}
---
kind: Service
metadata: {name: old, namespace: app, creationTimestamp: "2020-01-01T00:00:00Z"}
spec: {clusterIP: 10.0.0.2, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
kind: ServiceEntry
metadata: {name: ext, namespace: app}
spec:
  hosts: [ext.internal]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 70, name: http, protocol: HTTP, targetPort: 7070}]
  workloadSelector: {labels: {app: web}}
"""


def test_a_pod_is_a_target_of_what_selects_it() -> None:
    snapshot = mesh_of(MESH + pod())
    assert sorted(targets(snapshot, proxy())) == [
        ("ext.internal", 70, 7070),
        ("old", 80, 8080),
        ("web", 53, 53),
        ("web", 80, 8080),
        ("web", 82, 8080),
    ]
    assert targets(snapshot, proxy())[-1][0] == "old"  # others have no creation time, which sorts first


def test_the_registry_knows_labels_locality_and_names() -> None:
    found = workload(mesh_of(MESH + pod()), proxy(LABELS={"app": "ignored"}, STATIC_LABELS={"app": "s", "extra": "1"}))
    assert found.labels["app"] == "web"
    assert found.labels["extra"] == "1"
    assert found.labels["topology.kubernetes.io/region"] == "r"
    assert found.locality == "r/z"
    assert (found.canonical_name, found.canonical_revision) == ("web", "latest")
    assert found.namespace == "app"


def test_a_virtual_machine_under_test_is_what_it_says() -> None:
    found = workload(mesh_of(MESH + pod()), proxy(LABELS={"app": "mine", "istio.io/test-vm": "1"}))
    assert found.labels["app"] == "mine"


def test_canonical_names_come_from_labels_then_from_the_controller() -> None:
    labels = "service.istio.io/canonical-name: n, service.istio.io/canonical-revision: r, app: a"
    named = workload(mesh_of(pod(labels=labels)), proxy())
    assert (named.canonical_name, named.canonical_revision) == ("n", "r")
    other = workload(mesh_of(pod(labels="app.kubernetes.io/name: k, version: v2")), proxy())
    assert (other.canonical_name, other.canonical_revision) == ("k", "v2")
    assert workload(mesh_of(pod(labels="x: y")), proxy()).canonical_name == "web-0"


def test_an_unknown_pod_stands_for_its_own_labels_and_ports() -> None:
    stranger = proxy("stranger", LABELS={"app": "web"}, POD_PORTS='[{"name": "web", "containerPort": 9999}]')
    assert ("web", 80, 9999) in targets(mesh_of(MESH), stranger)
    assert workload(mesh_of(MESH), stranger).locality == ""


ENTRY = """---
kind: WorkloadEntry
metadata: {name: vm, namespace: app}
spec: {address: 10.9.0.1, labels: {app: web, from: entry}, ports: {http: 18080}, locality: far/away}
"""


def test_a_virtual_machine_is_found_by_address_and_named_by_its_entry() -> None:
    snapshot = mesh_of(MESH + ENTRY)
    machine = proxy("vm", address="10.9.0.1", LABELS={"from": "node"})
    assert ("web", 80, 18080) in targets(snapshot, machine)
    assert workload(snapshot, machine).labels["from"] == "entry"
    assert workload(snapshot, machine).locality == "far/away"
    other = proxy("other-name", address="10.9.0.1", LABELS={"from": "node"})
    assert ("web", 80, 18080) in targets(snapshot, other)
    assert workload(snapshot, other).labels["from"] == "node"
    assert targets(snapshot, proxy("vm", "elsewhere", "10.9.0.1")) == []


def test_a_pod_is_found_by_address_only_if_wanted() -> None:
    stranger = proxy("stranger")
    assert targets(mesh_of(MESH + pod()), stranger) == []
    assert targets(mesh_of(MESH + pod(), None, find_pod_by_ip=True), stranger)
    on_host = pod().replace("  serviceAccountName", "  hostNetwork: true\n  serviceAccountName")
    assert targets(mesh_of(MESH + on_host, None, find_pod_by_ip=True), stranger) == []


def test_inbound_modes_and_rules_are_those_of_the_workload() -> None:
    snapshot = mesh_of(
        MESH
        + pod()
        + """---
kind: PeerAuthentication
metadata: {name: p, namespace: app}
spec: {selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}}
---
kind: DestinationRule
metadata: {name: all, namespace: app}
spec: {host: web}
---
kind: DestinationRule
metadata: {name: some, namespace: app}
spec: {host: web, workloadSelector: {matchLabels: {app: web}}}
"""
    )
    found = workload(snapshot, proxy())
    assert found.mtls.mode is MtlsMode.STRICT
    assert {host: rule.origin.name for host, rule in found.rules.items()} == {"web.app.svc.cluster.local": "all"}


def test_replicas_are_one_workload() -> None:
    index = "statefulset.kubernetes.io/pod-name"
    snapshot = mesh_of(
        MESH + pod("web-0", labels=f"app: web, {index}: web-0") + pod("web-1", "10.1.0.2", f"app: web, {index}: web-1")
    )
    assert workload(snapshot, proxy()) is workload(snapshot, proxy("web-1", address="10.1.0.2"))


def test_replicas_differ_where_somebody_asks_for_the_node() -> None:
    local = MESH.replace("clusterIP: 10.0.0.1", "internalTrafficPolicy: Local\n  clusterIP: 10.0.0.1")
    snapshot = mesh_of(local + pod("web-0") + pod("web-1", "10.1.0.2"))
    one = workload(snapshot, proxy(NODE_NAME="n1"))
    assert one.node == "n1"
    assert one.labels["kubernetes.io/hostname"] == "n1"
    other = workload(snapshot, proxy("web-1", address="10.1.0.2", NODE_NAME="n2"))
    assert other is not one


def test_a_change_elsewhere_keeps_the_workload() -> None:
    snapshot = mesh_of(MESH + pod())
    seen = proxy()
    before = workload(snapshot, seen)
    changed, _ = edit(snapshot, "kind: Service\nmetadata: {name: new, namespace: back}\nspec: {selector: {app: web}}")
    assert workload(changed, seen) is before
    unready, _ = edit(snapshot, pod().removeprefix("---").replace("{podIP", "{phase: Pending, podIP"))
    assert workload(unready, seen) is before
    selected, _ = edit(
        snapshot,
        "kind: Service\nmetadata: {name: new, namespace: app}\n"
        "spec: {selector: {app: web}, ports: [{name: http, port: 1}]}",
    )
    assert ("new", 1, 1) in targets(selected, seen)
