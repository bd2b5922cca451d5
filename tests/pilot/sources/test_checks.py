import pytest
import yaml

from pilot.model.decoding import path_text
from pilot.model.kubernetes import Endpoints, EndpointSlice, Pod
from pilot.model.problem import Severity
from pilot.sources.decode import Decoded, decode_document

ISTIO = "networking.istio.io/v1"


def check(kind: str, rest: str, group: str = ISTIO) -> Decoded:
    text = f"{{apiVersion: {group}, kind: {kind}, metadata: {{name: x, namespace: a}}, {rest}}}"
    (found,) = decode_document(yaml.safe_load(text))
    return found


def faults(found: Decoded) -> list[tuple[str, str]]:
    """Those that keep it from being served."""
    return [(path_text(each.path), each.message) for each in found.faults if each.severity is Severity.ERROR]


def test_an_endpoint_with_a_bad_ip_is_left_out_and_the_rest_of_the_slice_served() -> None:
    found = check(
        "EndpointSlice",
        "addressType: IPv4, ports: [{port: 80}, {port: 70000}, {}],"
        "endpoints: [{addresses: [10.0.0.1]}, {addresses: [10.0.0.300]}, {addresses: ['fd00::1', 10.0.0.2]}]",
        "discovery.k8s.io/v1",
    )
    assert faults(found) == [
        ("endpoints[1].addresses[0]", 'expected an IPv4 address, got the string "10.0.0.300"'),
        ("endpoints[2].addresses[0]", 'expected an IPv4 address, got the string "fd00::1"'),
        ("ports[1].port", "expected a port from 1 to 65535, got 70000"),
    ]
    assert isinstance(found.object, EndpointSlice)
    assert [endpoint.addresses for endpoint in found.object.endpoints] == [("10.0.0.1",), ("10.0.0.2",)]
    assert [port.port for port in found.object.ports] == [80, None]


def test_a_slice_of_names_is_not_checked_for_addresses() -> None:
    found = check(
        "EndpointSlice", "addressType: FQDN, endpoints: [{addresses: [a.example.com]}]", "discovery.k8s.io/v1"
    )
    assert found.faults == ()


def test_bad_parts_of_endpoints_are_left_out() -> None:
    found = check(
        "Endpoints",
        "subsets: [{addresses: [{ip: x}, {ip: 1.1.1.1}], notReadyAddresses: [{ip: ''}],"
        " ports: [{port: 0}, {port: 1}]}]",
        "v1",
    )
    assert faults(found) == [
        ("subsets[0].ports[0].port", "expected a port from 1 to 65535, got 0"),
        ("subsets[0].addresses[0].ip", 'expected an IP address, got the string "x"'),
        ("subsets[0].notReadyAddresses[0].ip", 'expected an IP address, got the string ""'),
    ]
    assert isinstance(found.object, Endpoints)
    (subset,) = found.object.subsets
    assert [address.ip for address in subset.addresses] == ["1.1.1.1"]
    assert subset.not_ready_addresses == ()
    assert [port.port for port in subset.ports] == [1]


def test_bad_addresses_of_a_pod_are_left_out() -> None:
    found = check("Pod", "status: {podIP: 1.2.3, podIPs: [{ip: 1.2.3}, {ip: 'fd00::1'}]}", "v1")
    assert faults(found) == [
        ("status.podIP", 'expected an IP address, got the string "1.2.3"'),
        ("status.podIPs[0].ip", 'expected an IP address, got the string "1.2.3"'),
    ]
    assert isinstance(found.object, Pod)
    assert found.object.addresses == ("fd00::1",)


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        ("VirtualService", "{hosts: ['a b']}", ("spec.hosts[0]", "a host name, *.domain or an IP address")),
        ("VirtualService", "{hosts: ['']}", ("spec.hosts[0]", "a host, got nothing")),
        ("VirtualService", "{http: [{route: [{destination: {}}]}]}",
         ("spec.http[0].route[0].destination.host", "a host, got nothing")),
        ("VirtualService", "{http: [{route: [{destination: {host: a}, weight: -1}]}]}",
         ("spec.http[0].route[0].weight", "a weight of 0 or more, got -1")),
        ("VirtualService", "{http: [{route: [{destination: {host: a, port: {number: 99999}}}]}]}",
         ("spec.http[0].route[0].destination.port.number", "a port from 1 to 65535, got 99999")),
        ("VirtualService", "{http: [{match: [{port: 99999}]}]}",
         ("spec.http[0].match[0].port", "a port from 0 to 65535, got 99999")),
        ("VirtualService", "{http: [{mirror: {host: '?'}}]}", ("spec.http[0].mirror.host", "a host name")),
        ("VirtualService", "{http: [{mirrors: [{destination: {host: '?'}}]}]}",
         ("spec.http[0].mirrors[0].destination.host", "a host name")),
        ("VirtualService", "{http: [{redirect: {port: 0}}]}", ("spec.http[0].redirect.port", "a port from 1")),
        ("VirtualService", "{tcp: [{route: [{destination: {host: a}, weight: -1}]}]}",
         ("spec.tcp[0].route[0].weight", "a weight of 0 or more")),
        ("VirtualService", "{tls: [{route: [{destination: {host: ''}}]}]}",
         ("spec.tls[0].route[0].destination.host", "a host, got nothing")),
        ("DestinationRule", "{}", ("spec.host", "a host, got nothing")),
        ("DestinationRule", "{host: a, subsets: [{labels: {}}]}", ("spec.subsets[0].name", "a name, got nothing")),
        ("DestinationRule", "{host: a, trafficPolicy: {portLevelSettings: [{}]}}",
         ("spec.trafficPolicy.portLevelSettings[0].port.number", "a port from 1 to 65535, got 0")),
        ("DestinationRule", "{host: a, subsets: [{name: s, trafficPolicy: {tunnel: {targetHost: t}}}]}",
         ("spec.subsets[0].trafficPolicy.tunnel.targetPort", "a port from 1 to 65535, got 0")),
        ("DestinationRule", "{host: a, trafficPolicy: {outlierDetection: {maxEjectionPercent: 101}}}",
         ("spec.trafficPolicy.outlierDetection.maxEjectionPercent", "a percentage from 0 to 100, got 101")),
        ("VirtualService", "{http: [{mirrorPercentage: {value: -5}}]}",
         ("spec.http[0].mirrorPercentage.value", "a percentage from 0 to 100, got -5")),
        ("VirtualService", "{http: [{mirrors: [{destination: {host: a}, percentage: {value: 101}}]}]}",
         ("spec.http[0].mirrors[0].percentage.value", "a percentage from 0 to 100, got 101")),
        ("VirtualService", "{http: [{fault: {delay: {percentage: {value: .nan}}}}]}",
         ("spec.http[0].fault.delay.percentage.value", "a percentage from 0 to 100, got nan")),
        ("VirtualService", "{http: [{fault: {abort: {percentage: {value: 1000}}}}]}",
         ("spec.http[0].fault.abort.percentage.value", "a percentage from 0 to 100, got 1000")),
        ("VirtualService", "{http: [{timeout: 999999999999s}]}", ("spec.http[0].timeout", "a duration of 292 years")),
        ("ServiceEntry", "{hosts: [a], resolution: DNS_ROUND_ROBIN, endpoints: [{address: b}, {address: c}]}",
         ("spec.endpoints", "one endpoint at most with resolution DNS_ROUND_ROBIN, got 2")),
        ("Gateway", "{servers: [{port: {number: 0}, hosts: ['*']}]}", ("spec.servers[0].port.number", "a port from 1")),
        ("Gateway", "{servers: [{port: {number: 80}, hosts: ['n/a b']}]}", ("spec.servers[0].hosts[0]", "a host name")),
        ("ServiceEntry", "{}", ("spec.hosts", "a host, got nothing")),
        ("ServiceEntry", "{hosts: [a], addresses: [x]}", ("spec.addresses[0]", "an IP address or CIDR")),
        ("ServiceEntry", "{hosts: [a], ports: [{number: 0, name: p}]}", ("spec.ports[0].number", "a port from 1")),
        ("ServiceEntry", "{hosts: [a], ports: [{number: 1, targetPort: 99999}]}",
         ("spec.ports[0].targetPort", "a port from 0")),
        ("ServiceEntry", "{hosts: [a], resolution: STATIC, endpoints: [{address: a.example.com}]}",
         ("spec.endpoints[0].address", "an IP address")),
        ("ServiceEntry", "{hosts: [a], resolution: DNS, endpoints: [{address: a, ports: {p: 0}}]}",
         ("spec.endpoints[0].ports.p", "a port from 1")),
        ("WorkloadEntry", "{address: 10.0.0.300}", ("spec.address", "an IP address, a DNS name or unix:///path")),
        ("WorkloadEntry", "{}", ("spec.address", "an IP address, a DNS name or unix:///path")),
        ("Sidecar", "{ingress: [{port: {number: 0}}]}", ("spec.ingress[0].port", "a port, got nothing")),
        ("Sidecar", "{egress: [{port: {number: 99999}}]}", ("spec.egress[0].port.number", "a port from 0")),
        ("Sidecar", "{egress: [{hosts: [reviews]}]}",
         ("spec.egress[0].hosts[0]", 'namespace/host, such as "./*" or "default/a.example.com", got "reviews"')),
    ],
)  # fmt: skip
def test_what_would_cost_others_is_refused(kind: str, spec: str, expected: tuple[str, str]) -> None:
    found = check(kind, f"spec: {spec}")
    assert found.object is None
    ((path, message),) = faults(found)
    assert path == expected[0]
    assert message.startswith(f"expected {expected[1]}")


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("VirtualService", "{http: [{delegate: {name: x}}]}"),
        (
            "VirtualService",
            "{hosts: ['*', 10.0.0.1, short, '*.b.c'], http: [{redirect: {derivePort: FROM_REQUEST_PORT}}]}",
        ),
        ("ServiceEntry", "{hosts: ['*.a'], endpoints: [{network: n}, {address: 'unix:///x'}], resolution: STATIC}"),
        ("WorkloadEntry", "{network: n}"),
        ("Gateway", "{servers: [{port: {number: 80}, hosts: ['*', './a', 'ns/*.b', '*/*']}]}"),
        ("Sidecar", "{egress: [{port: {number: 0}, bind: 'unix:///x', hosts: ['*/*', '~/*', './a.b', 'ns/*.c']}]}"),
    ],
)
def test_what_istio_takes_is_not_refused(kind: str, spec: str) -> None:
    found = check(kind, f"spec: {spec}")
    assert faults(found) == []
    assert found.object is not None


def test_what_an_api_server_would_refuse_is_served_with_a_warning() -> None:
    found = check("VirtualService", "spec: {hosts: [a]}")
    assert found.object is not None
    assert [(path_text(each.path), each.severity) for each in found.faults] == [("spec", Severity.WARNING)]
    assert "an API server would refuse it" in found.faults[0].message


def test_ports_of_peer_authentication_are_numbers() -> None:
    found = check("PeerAuthentication", "spec: {portLevelMtls: {http: {mode: STRICT}}}", "security.istio.io/v1")
    assert faults(found) == [("spec.portLevelMtls.http", 'expected a port from 1 to 65535, got "http"')]
    assert check("PeerAuthentication", "spec: {portLevelMtls: {'80': {}}}", "security.istio.io/v1").object is not None


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ("{ports: [{port: 0}]}", "spec.ports[0].port"),
        ("{ports: [{port: 80, targetPort: 99999}]}", "spec.ports[0].targetPort"),
        ("{clusterIP: 10.0.0}", "spec.clusterIP"),
        ("{clusterIP: None, clusterIPs: [None, x]}", "spec.clusterIPs[1]"),
    ],
)
def test_a_service_with_bad_ports_or_addresses_is_refused(spec: str, path: str) -> None:
    found = check("Service", f"spec: {spec}", "v1")
    assert found.object is None
    assert [each for each, _ in faults(found)] == [path]


def test_names_become_part_of_other_names_and_are_checked() -> None:
    text = "{apiVersion: v1, kind: Pod, metadata: {name: ok, namespace: Not_Ok}}"
    (found,) = decode_document(yaml.safe_load(text))
    assert found.object is None
    assert faults(found)[0][0] == "metadata.namespace"
