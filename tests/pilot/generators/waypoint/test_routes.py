from typing import Any

from envoy.config.route.v3.route_pb2 import RouteConfiguration
from google.protobuf.json_format import MessageToDict

from pilot.generators.routes.caller import caller_of
from pilot.generators.waypoint.parts import parts_of
from pilot.generators.waypoint.routes import Knowledge, http_routes, tcp_target
from pilot.model.features import Features
from pilot.model.service import Hostname
from pilot.view.proxy_view import ProxyView
from tests.waypoint_mesh import HOST, waypoint

OWN = f"inbound-vip|80|http|{HOST}"
OTHERS = """
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {clusterIP: 10.0.0.3, selector: {app: db}, ports: [{name: tcp, port: 5432}]}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: other}
spec: {clusterIP: 10.0.0.2, selector: {app: api}, ports: [{name: http, port: 80}]}
"""


def virtual_service(spec: str, name: str = "web", host: str = HOST) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: shop}}
spec: {{hosts: [{host}], {spec}}}
"""


def known(view: ProxyView) -> Knowledge:
    return Knowledge(caller_of(view), view.attachments)


def routes(view: ProxyView, host: str = HOST) -> Any:
    attached = view.attachments.by_host[Hostname(host)]
    (part,) = parts_of(attached.service, Features())
    return MessageToDict(RouteConfiguration.FromString(http_routes(attached, part, known(view))))


def test_without_a_route_everything_goes_to_the_service() -> None:
    found = routes(waypoint())

    assert (found["name"], found["virtualHosts"][0]["name"]) == (OWN, "inbound|http|80")
    assert found["virtualHosts"][0]["routes"][0]["route"]["cluster"] == OWN


def test_destinations_are_the_waypoints_own_clusters_where_it_stands_in_front_of_them() -> None:
    split = f"""http: [{{route: [
      {{destination: {{host: {HOST}, subset: v1}}, weight: 1}},
      {{destination: {{host: api.other.svc.cluster.local}}, weight: 2}}]}}]"""
    action = routes(waypoint(virtual_service(split), OTHERS))["virtualHosts"][0]["routes"][0]["route"]

    assert [each["name"] for each in action["weightedClusters"]["clusters"]] == [
        f"inbound-vip|80|http/v1|{HOST}",
        "outbound|80||api.other.svc.cluster.local",
    ]


def test_conditions_on_labels_of_clients_never_hold() -> None:
    spec = f"""http: [{{match: [{{sourceLabels: {{app: a}}}}], route: [{{destination: {{host: {HOST}}}}}],
      name: never}},
      {{route: [{{destination: {{host: {HOST}}}}}], name: rest}}]"""

    assert [each["name"] for each in routes(waypoint(virtual_service(spec)))["virtualHosts"][0]["routes"]] == ["rest"]


def test_only_the_first_virtual_service_with_requests_counts_and_where_it_says_nothing_the_default_holds() -> None:
    other_port = f"http: [{{match: [{{port: 81}}], route: [{{destination: {{host: {HOST}}}}}], name: other}}]"
    this_port = f"http: [{{route: [{{destination: {{host: {HOST}}}}}], name: late}}]"
    view = waypoint(virtual_service(other_port, "a"), virtual_service(this_port, "b"))

    assert [each["name"] for each in routes(view)["virtualHosts"][0]["routes"]] == ["default"]


def test_long_answers_are_allowed_where_a_route_answers() -> None:
    answer = 'http: [{directResponse: {status: 200, body: {string: "' + "x" * 5000 + '"}}}]'

    assert routes(waypoint(virtual_service(answer)))["maxDirectResponseBodySizeBytes"] == 1048576


def test_bytes_follow_the_tcp_routes() -> None:
    host = "db.shop.svc.cluster.local"
    split = f"""tcp: [{{route: [{{destination: {{host: {host}}}, weight: 9}},
      {{destination: {{host: api.other.svc.cluster.local}}, weight: 1}}]}}]"""
    view = waypoint(OTHERS, virtual_service(split, host=host))
    attached = view.attachments.by_host[Hostname(host)]
    (part,) = parts_of(attached.service, Features())
    target = tcp_target(attached, part, known(view))

    assert target.weighted == ((f"inbound-vip|5432|tcp|{host}", 9), ("outbound|80||api.other.svc.cluster.local", 1))
    assert target.stat_prefix == part.name


def test_bytes_go_to_the_service_else() -> None:
    view = waypoint(OTHERS)
    attached = view.attachments.by_host[Hostname("db.shop.svc.cluster.local")]
    (part,) = parts_of(attached.service, Features())

    assert tcp_target(attached, part, known(view)).cluster == part.name
