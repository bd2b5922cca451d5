from pilot.model.peer_authentication import MtlsMode
from pilot.model.peer_authentications import PeerAuthentications
from tests.pilot.model.meshes import mesh_of


def policy(name: str, spec: str, namespace: str = "app", created: str = "2024-01-01T00:00:00Z") -> str:
    return f"""---
kind: PeerAuthentication
metadata: {{name: {name}, namespace: {namespace}, creationTimestamp: "{created}"}}
spec: {{{spec}}}
"""


def policies(*texts: str) -> PeerAuthentications:
    return mesh_of("".join(texts)).peer_authentications


STRICT_MESH = policy("mesh", "mtls: {mode: STRICT}", "istio-system")


def test_the_default_is_permissive() -> None:
    assert PeerAuthentications().namespace_mode("app") is MtlsMode.PERMISSIVE
    assert PeerAuthentications().workload_mtls("app", {}).mode is MtlsMode.PERMISSIVE


def test_a_namespace_overrides_the_mesh() -> None:
    found = policies(
        STRICT_MESH, policy("ns", "mtls: {mode: DISABLE}"), policy("unset", "mtls: {mode: UNSET}", "other")
    )
    assert found.namespace_mode("app") is MtlsMode.DISABLE
    assert found.namespace_mode("other") is MtlsMode.STRICT
    assert found.namespace_mode("third") is MtlsMode.STRICT


def test_of_several_the_oldest_counts() -> None:
    found = policies(
        policy("a", "mtls: {mode: DISABLE}"), policy("b", "mtls: {mode: STRICT}", created="2023-01-01T00:00:00Z")
    )
    assert found.namespace_mode("app") is MtlsMode.STRICT


WORKLOAD = policy(
    "web", "selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: DISABLE}, 9090: {}}"
)


def test_a_workload_overrides_its_namespace_port_by_port() -> None:
    found = policies(WORKLOAD, policy("ns", "mtls: {mode: DISABLE}"))
    mtls = found.workload_mtls("app", {"app": "web"})
    assert mtls.mode is MtlsMode.STRICT
    assert mtls.for_port(8080) is MtlsMode.DISABLE
    assert mtls.for_port(9090) is MtlsMode.STRICT
    assert mtls.for_port(1) is MtlsMode.STRICT
    assert found.workload_mtls("app", {"app": "other"}).mode is MtlsMode.DISABLE
    assert found.workload_mtls("other", {"app": "web"}).mode is MtlsMode.PERMISSIVE


def test_clients_do_not_look_at_workloads() -> None:
    assert policies(WORKLOAD).namespace_mode("app") is MtlsMode.PERMISSIVE


def test_selectors_of_the_root_namespace_are_ignored() -> None:
    found = policies(policy("root", "selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}", "istio-system"))
    assert found == PeerAuthentications()


def test_an_empty_selector_is_none() -> None:
    assert policies(policy("ns", "selector: {}, mtls: {mode: STRICT}")).namespace_mode("app") is MtlsMode.STRICT


def test_workloads_with_the_same_modes_share_them() -> None:
    found = policies(WORKLOAD)
    assert found.workload_mtls("app", {"app": "web"}) is found.workload_mtls("app", {"app": "web", "version": "v2"})
