import pytest

from pilot.model import locality
from pilot.model.workloads import WorkloadInstance, WorkloadKind, instance_of_entry, instance_of_pod, workload_name
from tests.pilot.model.meshes import only, settings

POD = """
kind: Pod
metadata: {name: web-0, namespace: app, labels: {app: web}}
spec:
  serviceAccountName: web
  nodeName: n1
  subdomain: sub
  containers: [{name: c, ports: [{name: http, containerPort: 8080}, {containerPort: 9090}]}]
  initContainers:
  - {name: once, ports: [{name: setup, containerPort: 1}]}
  - {name: side, restartPolicy: Always, ports: [{name: metrics, containerPort: 15090}, {name: http, containerPort: 2}]}
status: {phase: Running, podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: "2001:db8::1"}]}
"""


def instance(text: str, node_locality: str = "") -> WorkloadInstance:
    made = instance_of_pod(only(text), node_locality, settings())
    assert made is not None
    return made


def test_a_pod_becomes_a_workload() -> None:
    made = instance(POD, "r/z")
    assert made.key == ("Pod", "app", "web-0")
    assert made.is_pod
    assert made.addresses == ("10.0.0.1", "2001:db8::1")
    assert made.address == "10.0.0.1"
    assert made.has_ip
    assert made.labels == {"app": "web"}
    assert made.endpoint_labels == {
        "app": "web",
        locality.REGION: "r",
        locality.ZONE: "z",
        locality.CLUSTER: "Kubernetes",
        locality.HOSTNAME: "n1",
    }
    assert made.locality == "r/z"
    assert made.spiffe_id == "spiffe://cluster.local/ns/app/sa/web"
    assert made.tls_mode == "disabled"
    assert (made.hostname, made.subdomain) == ("web-0", "sub")


def test_named_ports_are_those_of_containers_that_keep_running() -> None:
    assert instance(POD).ports == {"http": 8080, "metrics": 15090}


def test_a_pod_that_ended_is_no_workload() -> None:
    assert instance_of_pod(only(POD.replace("Running", "Succeeded")), "", settings()) is None
    assert instance_of_pod(only(POD.replace("Running", "Failed")), "", settings()) is None


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        ("{phase: Running, conditions: [{type: Ready, status: 'True'}]}", True),
        ("{phase: Running, conditions: [{type: Ready, status: 'False'}]}", False),
        ("{phase: Running}", True),
        ("{phase: Pending}", False),
        ("{}", True),
    ],
)
def test_readiness(status: str, ready: bool) -> None:
    assert instance(f"kind: Pod\nmetadata: {{name: p, namespace: a}}\nstatus: {status}").ready is ready


def test_a_locality_label_of_the_pod_wins_over_its_node() -> None:
    assert instance(POD.replace("{app: web}", "{istio-locality: a.b}"), "r/z").locality == "a/b"


def test_a_pod_without_address_has_none() -> None:
    made = instance("kind: Pod\nmetadata: {name: p, namespace: a}")
    assert made.address == ""
    assert not made.has_ip


@pytest.mark.parametrize(
    ("owner", "labels", "expected"),
    [
        ("{kind: ReplicaSet, name: web-7d9, controller: true}", "{pod-template-hash: 7d9}", "web"),
        ("{kind: ReplicaSet, name: web-7d9, controller: true}", "{}", "web-7d9"),
        ("{kind: ReplicaSet, name: web-7d9}", "{pod-template-hash: 7d9}", "web-7d9-abc"),
        ("{kind: Job, name: web-7d9, controller: true}", "{}", "web-7d9"),
        ("{kind: StatefulSet, name: web, controller: true}", "{}", "web"),
        ("{kind: Job, name: other, controller: true}", "{}", "other"),
        ("{kind: ReplicaSet, name: web-5c6, controller: true}", "{rollouts-pod-template-hash: 5c6}", "web"),
        ("{kind: ReplicationController, name: web-1, controller: true}", "{deploymentconfig: web}", "web"),
    ],
)
def test_a_workload_is_named_after_its_controller(owner: str, labels: str, expected: str) -> None:
    pod = only(
        f"kind: Pod\nmetadata: {{name: web-7d9-abc, generateName: web-7d9-, namespace: a, labels: {labels}, "
        f"ownerReferences: [{owner}]}}"
    )
    assert workload_name(pod) == expected


def test_a_pod_that_was_named_by_hand_is_its_own_workload() -> None:
    owner = "{kind: StatefulSet, name: web, controller: true}"
    assert (
        workload_name(only(f"kind: Pod\nmetadata: {{name: web-0, namespace: a, ownerReferences: [{owner}]}}"))
        == "web-0"
    )


def test_jobs_of_a_cron_job_are_named_after_it() -> None:
    pod = only(
        "kind: Pod\nmetadata: {name: tick-28391480-x, generateName: tick-28391480-, namespace: a,"
        " ownerReferences: [{kind: Job, name: tick-28391480, controller: true}]}"
    )
    assert workload_name(pod) == "tick"


ENTRY = """
kind: WorkloadEntry
metadata: {name: vm, namespace: app, labels: {version: v2}}
spec: {address: 10.9.0.1, labels: {app: vm, version: v1}, serviceAccount: vm, ports: {http: 9}, network: n, weight: 3}
"""


def test_an_entry_becomes_a_workload() -> None:
    made = instance_of_entry(only(ENTRY), settings())
    assert made is not None
    assert made.kind is WorkloadKind.ENTRY
    assert made.labels == {"app": "vm", "version": "v2"}
    assert made.endpoint_labels[locality.NETWORK] == "n"
    assert (made.network, made.weight, made.ports) == ("n", 3, {"http": 9})
    assert made.tls_mode == "istio"
    assert made.workload == "vm"
    assert made.spiffe_id == "spiffe://cluster.local/ns/app/sa/vm"


def test_an_entry_without_identity_does_no_mutual_tls_unless_it_says_so() -> None:
    plain = instance_of_entry(only(ENTRY.replace("serviceAccount: vm, ", "")), settings())
    assert plain is not None
    assert plain.tls_mode == "disabled"
    said = instance_of_entry(only(ENTRY.replace("{app: vm,", "{security.istio.io/tlsMode: other,")), settings())
    assert said is not None
    assert said.tls_mode == "other"


def test_an_entry_in_a_group_is_named_after_it() -> None:
    made = instance_of_entry(
        only(ENTRY.replace("{version: v2}", "{}, annotations: {istio.io/autoRegistrationGroup: group}")), settings()
    )
    assert made is not None
    assert made.workload == "group"


@pytest.mark.parametrize(
    ("status", "there"),
    [("{}", False), ("{conditions: [{type: Healthy, status: 'False'}]}", False),
     ("{conditions: [{type: Healthy, status: 'True'}]}", True)],
)  # fmt: skip
def test_a_watched_entry_is_there_only_while_healthy(status: str, there: bool) -> None:
    text = ENTRY.replace("{version: v2}", "{}, annotations: {proxy.istio.io/health-checks-enabled: 'true'}")
    assert (instance_of_entry(only(f"{text}status: {status}"), settings()) is not None) is there
