"""Who wants what another has already is told; who can live beside the other is not."""

from pilot.generators import conflicts
from pilot.model.problem import Problem
from pilot.model.sidecar import Sidecar
from tests.pilot.model import meshes


def virtual_service(name: str, namespace: str = "shop", export: str = "", more: str = "") -> str:
    exported = f"exportTo: [{export!r}], " if export else ""
    metadata = f"{{name: {name}, namespace: {namespace}, creationTimestamp: '2024-01-0{ord(name) - 96}T00:00:00Z'}}"
    host = "web.shop.svc.cluster.local"
    route = "http: [{route: [{destination: {host: web}}]}]"
    return f"---\nkind: VirtualService\nmetadata: {metadata}\nspec: {{hosts: [{host}], {exported}{more}{route}}}\n"


def of_virtual_services(*texts: str) -> list[Problem]:
    return list(conflicts.of_virtual_services(meshes.mesh_of("".join(texts)).virtual_services))


def test_the_older_virtual_service_of_a_host_counts_and_the_younger_is_told() -> None:
    (problem,) = of_virtual_services(virtual_service("b"), virtual_service("a"))
    assert str(problem.key) == "VirtualService shop/b"
    assert problem.field == "spec.hosts[0]"
    assert "the routes of VirtualService shop/a" in problem.message


def test_a_private_virtual_service_may_stand_before_a_public_one() -> None:
    assert of_virtual_services(virtual_service("a"), virtual_service("b", export=".")) == []


def test_private_ones_of_different_namespaces_never_meet() -> None:
    assert of_virtual_services(virtual_service("a", "one", "."), virtual_service("b", "two", ".")) == []


def test_private_ones_of_one_namespace_meet() -> None:
    assert len(of_virtual_services(virtual_service("a", export="."), virtual_service("b", export="."))) == 1


def test_gateways_merge_the_routes_of_a_host() -> None:
    bound = "gateways: [shop/web], "
    assert of_virtual_services(virtual_service("a", more=bound), virtual_service("b", more=bound)) == []


def entry(name: str, more: str = "", protocol: str = "TCP") -> str:
    port = f"{{number: 9000, name: it, protocol: {protocol}}}"
    return (
        f"---\nkind: ServiceEntry\nmetadata: {{name: {name}, namespace: shop}}\n"
        f"spec: {{hosts: [{name}.example.com], ports: [{port}], resolution: NONE{more}}}\n"
    )


def of_services(*texts: str) -> list[Problem]:
    mesh = meshes.mesh_of("".join(texts))
    return list(conflicts.of_services(mesh.services, mesh.mesh))


def test_of_two_services_without_an_address_the_first_gets_the_bytes_of_a_port() -> None:
    (problem,) = of_services(entry("a"), entry("b"))
    assert str(problem.key) == "ServiceEntry shop/b"
    assert "port 9000 without an address is that of a.example.com too" in problem.message


def test_of_two_services_with_one_address_the_first_gets_the_bytes_of_a_port() -> None:
    same = ", addresses: [240.1.1.1]"
    (problem,) = of_services(entry("a", same), entry("b", same), entry("c", ", addresses: [240.1.1.2]"))
    assert "port 9000 at 240.1.1.1" in problem.message


def test_services_with_names_in_their_bytes_do_not_conflict() -> None:
    assert of_services(entry("a", protocol="TLS"), entry("b", protocol="TLS")) == []
    assert of_services(entry("a", protocol="HTTP"), entry("b", protocol="HTTP")) == []


def test_services_that_nobody_sees_together_do_not_conflict() -> None:
    assert of_services(entry("a", ", exportTo: [one]"), entry("b", ", exportTo: [two]")) == []


def gateway(name: str, protocol: str, selector: str = "{app: gw}", port: int = 80) -> str:
    metadata = f"{{name: {name}, namespace: shop, creationTimestamp: '2024-01-0{ord(name) - 96}T00:00:00Z'}}"
    server = f"{{port: {{number: {port}, name: it, protocol: {protocol}}}, hosts: ['*']}}"
    return f"---\nkind: Gateway\nmetadata: {metadata}\nspec: {{selector: {selector}, servers: [{server}]}}\n"


def of_gateways(*texts: str) -> list[Problem]:
    mesh = meshes.mesh_of("".join(texts))
    return list(conflicts.of_gateways(mesh.gateways, mesh.features))


def test_a_server_that_contradicts_one_of_an_older_gateway_is_told() -> None:
    (problem,) = of_gateways(gateway("a", "HTTP"), gateway("b", "TCP"), gateway("c", "HTTP"))
    assert (str(problem.key), problem.field) == ("Gateway shop/b", "spec.servers[0]")


def test_gateways_of_other_workloads_or_ports_do_not_contradict() -> None:
    assert of_gateways(gateway("a", "HTTP"), gateway("b", "TCP", "{app: other}"), gateway("c", "TCP", port=81)) == []


def test_a_gateway_for_more_workloads_contradicts_one_for_fewer() -> None:
    assert len(of_gateways(gateway("a", "HTTP", "{app: gw, site: north}"), gateway("b", "TCP"))) == 1


def test_gateways_of_the_gateway_api_with_services_of_their_own_do_not_contradict() -> None:
    listener = "{name: web, port: 443, protocol: TLS, tls: {mode: Passthrough}}"
    text = "---\nkind: Gateway\napiVersion: gateway.networking.k8s.io/v1\nmetadata: {{name: {}, namespace: gws}}\n"
    text += "spec: {{gatewayClassName: istio, listeners: [" + listener.replace("{", "{{").replace("}", "}}") + "]}}\n"
    mesh = meshes.mesh_of(text.format("a") + text.format("b"), alpha_gateway_api=True)
    assert len(mesh.gateways) == 2
    assert conflicts.of_gateways(mesh.gateways, mesh.features) == ()


def test_a_port_that_a_sidecar_opens_twice_is_told() -> None:
    (sidecar,) = meshes.objects(
        "kind: Sidecar\nmetadata: {name: it, namespace: shop}\nspec: {"
        "ingress: [{port: {number: 80, protocol: HTTP, name: a}, defaultEndpoint: '127.0.0.1:8080'},"
        " {port: {number: 80, protocol: TCP, name: b}, defaultEndpoint: '127.0.0.1:8081'}],"
        "egress: [{port: {number: 1, protocol: TCP, name: a}, bind: 127.0.0.1, hosts: ['*/*']},"
        " {port: {number: 1, protocol: TCP, name: b}, bind: 127.0.0.2, hosts: ['*/*']}, {hosts: ['*/*']}]}"
    )
    assert isinstance(sidecar, Sidecar)
    (problem,) = conflicts.of_sidecar(sidecar)
    assert problem.field == "spec.ingress[1].port"
