from base64 import b64encode
from datetime import UTC, datetime
from types import GeneratorType

from pilot.cli import ztunnel_dump
from pilot.debug import ambient
from pilot.debug.console import Later, Question
from pilot.memo import finish
from pilot.mesh import Mesh
from tests.ambient_mesh import AMBIENT, SHOP, WAYPOINT, documents
from tests.pilot.cli.ztunnels import DUMP, ENDS, STARTED
from tests.recordings import snapshot_of

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_workloads_by_namespace_with_the_name_of_their_waypoint() -> None:
    assert ztunnel_dump.workload_rows(DUMP) == [
        ("back", "cart-1", "10.1.0.3", "n2", "waypoint", "HBONE"),
        ("shop", "vm", "vm.example.com", "", "None", "TCP"),
        ("shop", "web-1", "10.1.0.2,fd00::2", "n1", "None", "HBONE"),
    ]


def test_a_waypoint_that_no_service_stands_for_is_shown_by_its_address() -> None:
    lost = {"workloads": [{"name": "a", "waypoint": {"destination": "west/10.9.9.9", "hboneMtlsPort": 15008}}]}
    assert ztunnel_dump.workload_rows(lost)[0][4] == "west/10.9.9.9"


def test_services_with_healthy_endpoints_of_all() -> None:
    assert ztunnel_dump.service_rows(DUMP) == [
        ("shop", "waypoint", "10.0.0.9", "None", "0/0"),
        ("shop", "web", "10.0.0.1,fd00::1", "waypoint", "1/2"),
    ]


def test_policies() -> None:
    assert ztunnel_dump.policy_rows(DUMP) == [
        ("back", "nobody", "Deny", "Namespace"),
        ("shop", "only-web", "Allow", "WorkloadSelector"),
    ]


def test_certificates_with_whether_they_hold_now() -> None:
    name = "spiffe://cluster.local/ns/shop/sa/web"
    old = ("2020-01-02T00:00:00Z", "2020-01-01T00:00:00Z")
    assert ztunnel_dump.certificate_rows(DUMP, NOW) == [
        ("spiffe://cluster.local/ns/back/sa/cart", "NA", "Initializing", "false", "NA", "NA", "NA"),
        (name, "Leaf", "Available", "true", "ff", ENDS, STARTED),
        (name, "Intermediate", "Available", "true", "1000", ENDS, STARTED),
        (name, "Root", "Available", "false", "10", *old),
    ]


def test_connections_with_names_where_they_are_known() -> None:
    assert ztunnel_dump.connection_rows(DUMP) == [
        ("web-1.shop", "Inbound", "web-1.shop:8080", "cart-1.back:4000", "", "HBONE"),
        (
            "web-1.shop",
            "Outbound",
            "web-1.shop:5000",
            "192.0.2.7:15008",
            "web.shop.svc.cluster.local:80",
            "HBONE",
        ),
    ]
    assert ztunnel_dump.connection_rows(DUMP, raw=True)[1][2:5] == ("[fd00::2]:5000", "192.0.2.7:15008", "10.0.0.1:80")


def _encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


def test_what_the_control_plane_tells_has_the_same_shape() -> None:
    told = {
        "workloads": [
            {
                "uid": "c//Pod/shop/web-1",
                "name": "web-1",
                "namespace": "shop",
                "addresses": [_encoded("10.1.0.2")],
                "tunnelProtocol": "HBONE",
                "services": {"shop/web.shop": {"ports": []}},
                "status": "UNHEALTHY",
                "waypoint": {"hostname": {"namespace": "shop", "hostname": "wp.shop"}, "hboneMtlsPort": 15008},
            },
            {"uid": "c//Pod/shop/old", "name": "old", "namespace": "shop", "services": {"shop/web.shop": {}}},
        ],
        "services": [
            {
                "name": "web",
                "namespace": "shop",
                "hostname": "web.shop",
                "addresses": [{"address": _encoded("10.0.0.1")}],
                "ports": [{"servicePort": 80, "targetPort": 8080}, {"servicePort": 81}],
                "waypoint": {"address": {"address": "CgAACQ=="}, "hboneMtlsPort": 15008},
            },
            {
                "name": "wp",
                "namespace": "shop",
                "hostname": "wp.shop",
                "addresses": [{"address": _encoded("10.0.0.9")}],
            },
        ],
        "policies": [{"name": "p", "namespace": "shop", "scope": "WORKLOAD_SELECTOR", "action": "DENY"}, {"name": "q"}],
    }
    dump = ztunnel_dump.from_control_plane(told)
    assert ztunnel_dump.workload_rows(dump) == [
        ("shop", "old", "", "", "None", "TCP"),
        ("shop", "web-1", "10.1.0.2", "", "wp", "HBONE"),
    ]
    assert ztunnel_dump.service_rows(dump) == [
        ("shop", "web", "10.0.0.1", "wp", "1/2"),
        ("shop", "wp", "10.0.0.9", "None", "0/0"),
    ]
    assert ztunnel_dump.policy_rows(dump) == [("", "q", "Allow", "Global"), ("shop", "p", "Deny", "WorkloadSelector")]
    assert dump["services"][0]["ports"] == {"80": 8080, "81": 0}


def test_what_our_page_says_is_understood() -> None:
    labelled = SHOP.replace("metadata: {name: app}", "metadata: {name: app, labels: {istio.io/use-waypoint: wp}}")
    at_address = f"""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: wp, namespace: app, labels: {{istio.io/waypoint-for: all}}}}
spec: {{gatewayClassName: of-somebody, listeners: [{{name: mesh, port: 15008, protocol: HBONE}}]}}
status: {{addresses: [{{value: 10.0.0.9}}]}}
---
{WAYPOINT.split("---")[1]}"""
    work = ambient.entry(Mesh(snapshot_of(documents(labelled, at_address), environment=AMBIENT))).page(Question())
    assert isinstance(work, GeneratorType)
    later = finish(work)
    assert isinstance(later, Later)
    dump = ztunnel_dump.from_control_plane(later.make())
    assert ztunnel_dump.workload_rows(dump) == [("app", "web-0", "10.1.0.1", "n1", "wp", "HBONE")]
    assert ztunnel_dump.service_rows(dump)[0] == ("app", "web", "10.0.0.1", "wp", "1/1")
