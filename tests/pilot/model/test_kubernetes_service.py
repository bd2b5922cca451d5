import pytest

from pilot.model.kubernetes_service import parse_distribution, parse_node_selector, service_of_kubernetes
from pilot.model.service import PortProtocol, Registry, Resolution, Service, TrafficDistribution
from pilot.resources import Origin
from tests.pilot.model.meshes import only, settings


def convert(spec: str, annotations: str = "{}", status: str = "{}", *nodes: str) -> Service:
    metadata = f"{{name: web, namespace: app, annotations: {annotations}}}"
    text = f"kind: Service\nmetadata: {metadata}\nspec: {spec}\nstatus: {status}"
    return service_of_kubernetes(only(text), [only(each) for each in nodes], {}, settings())


def test_a_cluster_ip_service() -> None:
    made = convert("{clusterIP: 10.0.0.1, selector: {app: web}, ports: [{name: http, port: 80, targetPort: web}]}")
    assert made.hostname == "web.app.svc.cluster.local"
    assert (made.name, made.namespace, made.registry) == ("web", "app", Registry.KUBERNETES)
    assert made.resolution is Resolution.CLIENT_SIDE
    assert made.address == "10.0.0.1"
    assert made.cluster_vips == {"Kubernetes": ("10.0.0.1",)}
    assert made.selector == {"app": "web"}
    assert made.ports[0].protocol is PortProtocol.HTTP
    assert made.ports[0].target_port == "web"
    assert made.origin == Origin("Service", "app", "web")
    assert not made.mesh_external


def test_all_cluster_addresses_are_kept_the_first_first() -> None:
    made = convert("{clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1, 'fd00::1']}")
    assert made.cluster_vips == {"Kubernetes": ("10.0.0.1", "fd00::1")}


def test_a_headless_service_has_no_address() -> None:
    made = convert("{clusterIP: None, clusterIPs: [None]}")
    assert made.is_headless
    assert made.address == "0.0.0.0"
    assert made.cluster_vips == {}


def test_an_external_name_is_an_alias() -> None:
    made = convert("{type: ExternalName, externalName: api.example.com, selector: {app: web}}")
    assert made.resolution is Resolution.ALIAS
    assert made.external_name == "api.example.com"
    assert made.mesh_external
    assert made.selector == {}


def test_annotations_say_who_sees_it_and_who_it_is() -> None:
    made = convert(
        "{}",
        "{networking.istio.io/exportTo: ' ., b', alpha.istio.io/canonical-serviceaccounts: raw@x,"
        " alpha.istio.io/kubernetes-serviceaccounts: 'one,two'}",
    )
    assert made.export_to == {".", "b"}
    assert made.service_accounts == (
        "raw@x",
        "spiffe://cluster.local/ns/app/sa/one",
        "spiffe://cluster.local/ns/app/sa/two",
    )


def test_addresses_from_outside() -> None:
    made = convert(
        "{type: LoadBalancer, externalIPs: [203.0.113.9]}",
        status="{loadBalancer: {ingress: [{ip: 203.0.113.1}, {hostname: lb.example.com}]}}",
    )
    assert made.external_addresses == {"Kubernetes": ("203.0.113.1", "lb.example.com", "203.0.113.9")}
    assert made.external_ports == {}


NODE = """
kind: Node
metadata: {name: n1, labels: {edge: "1"}}
status: {addresses: [{type: ExternalIP, address: 203.0.113.5}, {type: InternalIP, address: 10.0.0.5}]}
"""


def test_node_ports_count_where_nodes_are_chosen() -> None:
    spec = "{type: NodePort, ports: [{name: tls, port: 443, nodePort: 30443}]}"
    chosen = convert(spec, '{traffic.istio.io/nodeSelector: \'{"edge": "1"}\'}', "{}", NODE)
    assert chosen.external_addresses == {"Kubernetes": ("203.0.113.5",)}
    assert chosen.external_ports == {"Kubernetes": {443: 30443}}
    assert convert(spec, "{}", "{}", NODE).external_addresses == {}
    other = convert(spec, '{traffic.istio.io/nodeSelector: \'{"edge": "2"}\'}', "{}", NODE)
    assert other.external_addresses == {}


def test_a_malformed_node_selector_chooses_no_node() -> None:
    assert parse_node_selector("{broken") is None
    assert parse_node_selector("[]") is None
    made = convert("{type: NodePort}", "{traffic.istio.io/nodeSelector: '['}", "{}", NODE)
    assert made.external_addresses == {}


@pytest.mark.parametrize(
    ("declared", "annotation", "expected"),
    [
        ("", "", TrafficDistribution.ANY),
        ("PreferClose", "", TrafficDistribution.SAME_ZONE),
        ("PreferSameZone", "", TrafficDistribution.SAME_ZONE),
        ("PreferSameNode", "PreferClose", TrafficDistribution.SAME_NODE),
        ("", "PREFERCLOSE", TrafficDistribution.SAME_ZONE),
        ("Elsewhere", "", TrafficDistribution.ANY),
    ],
)
def test_distribution(declared: str, annotation: str, expected: TrafficDistribution) -> None:
    assert parse_distribution(declared, {"networking.istio.io/traffic-distribution": annotation}) is expected


def test_node_local_and_not_ready_addresses() -> None:
    made = convert("{internalTrafficPolicy: Local, publishNotReadyAddresses: true}")
    assert made.node_local
    assert made.publish_not_ready
