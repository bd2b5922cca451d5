import pytest
from msgspec.structs import replace

from pilot.model import locality
from pilot.model.address_allocation import Allocated
from pilot.model.endpoint import Endpoint, Health
from pilot.model.service import PortProtocol, Registry, Resolution, Service
from pilot.model.service_entries import endpoints_of_entry, is_reachable, services_of_entry
from tests.pilot.model.meshes import only, settings


def entry(spec: str, labels: str = "{}") -> str:
    return f"kind: ServiceEntry\nmetadata: {{name: ext, namespace: app, labels: {labels}}}\nspec: {{{spec}}}"


def services(spec: str, **allocated: Allocated) -> tuple[Service, ...]:
    return services_of_entry(only(entry(spec)), allocated, settings())


def endpoints(spec: str, host: str = "ext.com") -> tuple[Endpoint, ...]:
    return endpoints_of_entry(only(entry(spec)), host, settings())


PORTS = "ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}, {number: 90, name: tcp, protocol: TCP}]"


def test_a_host_is_a_service() -> None:
    (made,) = services(
        f"hosts: [ext.com], resolution: STATIC, location: MESH_INTERNAL, {PORTS}, exportTo: [.],"
        " subjectAltNames: [b, a], workloadSelector: {labels: {app: x}}"
    )
    assert (made.hostname, made.name, made.object_name, made.namespace) == ("ext.com", "ext.com", "ext", "app")
    assert made.registry is Registry.EXTERNAL
    assert made.resolution is Resolution.CLIENT_SIDE
    assert made.address == "0.0.0.0"
    assert not made.mesh_external
    assert made.export_to == {"."}
    assert made.service_accounts == ("a", "b")
    assert made.selector == {"app": "x"}
    assert [(each.number, each.protocol, each.target_port) for each in made.ports] == [
        (80, PortProtocol.HTTP, 8080),
        (90, PortProtocol.TCP, None),
    ]


@pytest.mark.parametrize(
    ("resolution", "expected"),
    [
        ("NONE", Resolution.PASSTHROUGH),
        ("DNS", Resolution.DNS),
        ("DNS_ROUND_ROBIN", Resolution.DNS_ROUND_ROBIN),
        ("DYNAMIC_DNS", Resolution.DYNAMIC_DNS),
    ],
)
def test_resolutions(resolution: str, expected: Resolution) -> None:
    (made,) = services(f"hosts: ['*.ext.com'], resolution: {resolution}, {PORTS}")
    assert made.resolution is expected
    assert made.mesh_external


def test_every_host_and_address_is_a_service() -> None:
    made = services(f"hosts: [a.com, b.com], addresses: [10.0.0.1/32, 10.1.0.0/16, '::1'], resolution: DNS, {PORTS}")
    assert [(each.hostname, each.address) for each in made] == [
        (host, address) for host in ("a.com", "b.com") for address in ("10.0.0.1", "10.1.0.0/16", "::1")
    ]


def test_allocated_addresses_belong_to_their_host() -> None:
    made = services_of_entry(
        only(entry(f"hosts: [a.com, b.com], resolution: DNS, {PORTS}")),
        {"a.com": Allocated("240.240.0.1", "2001:2::1")},
        settings(),
    )
    assert [(each.auto_allocated_v4, each.auto_allocated_v6) for each in made] == [
        ("240.240.0.1", "2001:2::1"),
        ("", ""),
    ]


def test_listed_endpoints_have_a_port_of_their_own_or_the_target_or_the_same() -> None:
    found = endpoints(
        f"hosts: [ext.com], resolution: STATIC, {PORTS}, endpoints: [{{address: 1.1.1.1, ports: {{http: 9}},"
        " labels: {version: v1}, locality: r/z, weight: 4, serviceAccount: sa, network: n}, {address: 1.1.1.2}]"
    )
    assert [(each.address, each.port_name, each.port) for each in found] == [
        ("1.1.1.1", "http", 9),
        ("1.1.1.1", "tcp", 90),
        ("1.1.1.2", "http", 8080),
        ("1.1.1.2", "tcp", 90),
    ]
    first = found[0]
    assert first.labels["version"] == "v1"
    assert first.labels[locality.ZONE] == "z"
    assert (first.locality, first.weight, first.network, first.tls_mode) == ("r/z", 4, "n", "istio")
    assert first.service_account == "spiffe://cluster.local/ns/app/sa/sa"
    assert (first.namespace, first.workload, first.health) == ("", "", Health.UNKNOWN)
    assert found[2].tls_mode == "disabled"


def test_a_socket_has_no_port() -> None:
    (made, _) = endpoints(f"hosts: [ext.com], resolution: STATIC, {PORTS}, endpoints: [{{address: 'unix:///x.sock'}}]")
    assert (made.address, made.port) == ("unix:///x.sock", 0)


def test_names_are_no_endpoints_where_nobody_resolves_them() -> None:
    listed = "endpoints: [{address: one.ext.com}]"
    assert endpoints(f"hosts: [ext.com], resolution: DNS, {PORTS}, {listed}")
    assert is_reachable("10.0.0.1")
    assert is_reachable("unix:///x")
    assert not is_reachable("one.ext.com")


def test_a_name_without_endpoints_is_its_own() -> None:
    found = endpoints(f"hosts: [ext.com], resolution: DNS, {PORTS}")
    assert [(each.address, each.port, each.tls_mode) for each in found] == [
        ("ext.com", 8080, "disabled"),
        ("ext.com", 90, "disabled"),
    ]


def test_who_selects_workloads_or_resolves_nothing_lists_none() -> None:
    assert endpoints(f"hosts: [ext.com], resolution: DNS, {PORTS}, workloadSelector: {{labels: {{a: b}}}}") == ()
    assert endpoints(f"hosts: [ext.com], resolution: NONE, {PORTS}") == ()


def test_an_endpoint_behind_a_gateway_needs_no_address() -> None:
    (made, _) = endpoints(f"hosts: [ext.com], resolution: STATIC, {PORTS}, endpoints: [{{network: far}}]")
    assert made.addresses == ()
    assert made.network == "far"


def test_malformed_addresses_and_names_are_passed_over() -> None:
    declared = only(entry(f"hosts: [ext.com], resolution: STATIC, {PORTS}, endpoints: [{{address: 1.1.1.1}}]"))
    broken = replace(declared, spec=replace(declared.spec, addresses=("nonsense", "10.0.0.1")))
    assert [each.address for each in services_of_entry(broken, {}, settings())] == ["10.0.0.1"]
    (named,) = declared.spec.endpoints
    elsewhere = replace(declared, spec=replace(declared.spec, endpoints=(replace(named, address="a.name"),)))
    assert endpoints_of_entry(elsewhere, "ext.com", settings()) == ()
