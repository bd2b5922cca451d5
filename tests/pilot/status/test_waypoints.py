"""What is said of waypoints."""

from typing import Any

from tests.pilot.gatewayapi.worlds import route
from tests.pilot.status.worlds import brief, status

WAYPOINT = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: wp, namespace: app}
spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
---
{kind: Service, metadata: {name: wp, namespace: app}, spec: {clusterIP: 10.0.0.8, ports: [{port: 15008}]}}
"""
USES = "labels: {istio.io/use-waypoint: wp}"


def service(metadata: str = "", namespace: str = "app") -> str:
    """A Service `web`."""
    more = f"name: web, namespace: {namespace}" + (f", {metadata}" if metadata else "")
    return f"\n---\n{{kind: Service, metadata: {{{more}}}, spec: {{ports: [{{port: 80}}]}}}}\n"


def entry(host: str, metadata: str = "", resolution: str = "DNS") -> str:
    """A ServiceEntry `e`."""
    more = f", {metadata}" if metadata else ""
    spec = f"{{hosts: ['{host}'], resolution: {resolution}, ports: [{{number: 80, name: http, protocol: HTTP}}]}}"
    return f"\n---\n{{kind: ServiceEntry, metadata: {{name: e, namespace: app{more}}}, spec: {spec}}}\n"


def bound(*documents: str, namespace: str = "app") -> dict[str, str]:
    """Conditions of Service `web`."""
    found: Any = status("Service", f"{namespace}/web", *documents, ambient=True)
    return brief(found["conditions"]) if found else {}


def test_services_know_their_waypoint() -> None:
    assert bound(WAYPOINT, service(USES)) == {"istio.io/WaypointBound": "True WaypointAccepted"}
    assert bound(WAYPOINT, service()) == {}
    assert bound(service(USES)) == {"istio.io/WaypointBound": "False WaypointIsNotReady"}
    elsewhere = "labels: {istio.io/use-waypoint: wp, istio.io/use-waypoint-namespace: app}"
    found = bound(WAYPOINT, service(elsewhere, "other"), namespace="other")
    assert found == {"istio.io/WaypointBound": "False AttachmentDenied"}


def test_without_ambient_mode_nothing_is_said() -> None:
    assert status("Service", "app/web", WAYPOINT, service(USES)) is None
    assert status("Service", "app/web", WAYPOINT, service(USES), ambient=True, ambient_status=False) is None


def test_no_gateway_is_a_waypoint_where_that_is_switched_off() -> None:
    found: Any = status("Service", "app/web", WAYPOINT, service(USES), ambient=True, ambient_waypoints=False)
    assert brief(found["conditions"]) == {"istio.io/WaypointBound": "False WaypointIsNotReady"}


def test_entries_get_addresses() -> None:
    found = status("ServiceEntry", "app/e", entry("a.com"))
    assert found == {"addresses": [{"value": "240.240.0.1", "host": "a.com"}, {"value": "2001:2::1", "host": "a.com"}]}


def test_wildcards_need_a_waypoint() -> None:
    found: Any = status("ServiceEntry", "app/e", WAYPOINT, entry("*.a.com"), ambient=True)
    assert brief(found["conditions"]) == {"istio.io/WaypointMissing": "True NoWaypointForWildcardService"}
    dynamic = entry("*.a.com", USES, "DYNAMIC_DNS")
    assert brief(status("ServiceEntry", "app/e", WAYPOINT, dynamic, ambient=True)["conditions"]) == {
        "istio.io/WaypointBound": "True WaypointAccepted"
    }


def test_routes_say_whether_a_waypoint_obeys_them() -> None:
    def message(*documents: str) -> str:
        parents = 'parentRefs: [{group: "", kind: Service, name: web}]'
        found: Any = status("HTTPRoute", "app/r", *documents, route("HTTPRoute", parents), ambient=True)
        (each,) = (one for one in found["parents"][0]["conditions"] if one["type"] == "ResolvedWaypoints")
        assert (each["status"], each["reason"]) == ("True", "ResolvedWaypoints")
        return str(each["message"])

    assert message(WAYPOINT, service(USES)) == "every waypoint is there"
    assert "use-waypoint" in message(service())
    assert "WaypointIsNotReady" in message(service(USES))
