import pytest

from pilot.model.gateway import Gateway, GatewaySpec, Server
from pilot.model.gateways import SERVICES, build, normalize_hosts, select_gateways
from pilot.model.objects import Metadata
from tests.pilot.model.meshes import edit, mesh_of


def gateway(name: str, selector: str, namespace: str = "infra", created: str = "2024-01-01T00:00:00Z") -> str:
    return f"""---
kind: Gateway
metadata: {{name: {name}, namespace: {namespace}, creationTimestamp: "{created}"}}
spec:
  selector: {selector}
  servers:
  - {{port: {{number: 80, name: http, protocol: HTTP}}, hosts: ["./a.com"]}}
  - {{port: {{number: 81, name: http, protocol: HTTP}}, hosts: ["*"]}}
"""


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (("a.com",), ("a.com",)),
        (("./a.com", "ns/b.com", "*/c.com"), ("own/a.com", "ns/b.com", "c.com")),
        (("a.com", "*/*", "b.com"), ("*",)),
        (("./*",), ("own/*",)),
    ],
)
def test_hosts_are_normalized(hosts: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert normalize_hosts(hosts, "own") == expected


def test_gateways_select_by_labels_in_order_of_creation() -> None:
    snapshot = mesh_of(
        gateway("b", "{istio: ingress}")
        + gateway("a", "{istio: egress}")
        + gateway("c", "{}", created="2023-01-01T00:00:00Z")
    )
    found = select_gateways(snapshot.gateways, "infra", {"istio": "ingress"}, same_namespace=False)
    assert [(each.gateway, each.index) for each in found] == [
        ("infra/c", 0),
        ("infra/c", 1),
        ("infra/b", 0),
        ("infra/b", 1),
    ]
    assert found[0].hosts == ("infra/a.com",)


def test_gateways_can_be_kept_to_their_namespace() -> None:
    snapshot = mesh_of(gateway("a", "{}") + gateway("b", "{}", "other"))
    found = select_gateways(snapshot.gateways, "other", {}, same_namespace=True)
    assert {each.gateway for each in found} == {"other/b"}


def test_a_gateway_that_did_not_change_stays_the_same() -> None:
    snapshot = mesh_of(gateway("a", "{}") + gateway("b", "{}"))
    changed, change = edit(snapshot, gateway("b", "{x: y}"))
    assert changed.gateways[0] is snapshot.gateways[0]
    assert changed.gateways[1] is not snapshot.gateways[1]
    assert {each.name for each in change.updated} == {"b"}


def test_a_gateway_of_services_that_are_not_named_is_for_nobody() -> None:
    annotations = {SERVICES: ""}
    metadata = Metadata(name="a~b", namespace="gws", annotations=annotations)
    found = build([Gateway(metadata=metadata, spec=GatewaySpec(servers=(Server(),)))])
    assert select_gateways(found, "gws", {}, same_namespace=False) == ()
