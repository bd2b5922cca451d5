from dataclasses import replace

from pilot.model.service import Hostname, PortProtocol
from pilot.view import build, node
from pilot.view.proxy_view import ProxyView
from pilot.view.waypoint import NO_ATTACHMENTS, addresses_of
from tests.networks_mesh import FEATURES, WAYS, cluster, entrance
from tests.recordings import node_of, view_of
from tests.waypoint_mesh import GATEWAY, HOST, NODE, ambient, pod, waypoint

ELSEWHERE = """
apiVersion: v1
kind: Service
metadata:
  name: api
  namespace: other
  labels: {istio.io/use-waypoint: waypoint, istio.io/use-waypoint-namespace: shop}
spec: {clusterIP: 10.0.0.2, selector: {app: api}, ports: [{name: http, port: 80}]}
"""
FOR_WORKLOADS = GATEWAY.replace("namespace: shop}", "namespace: shop, labels: {istio.io/waypoint-for: workload}}")


def hosts(view: ProxyView) -> list[str]:
    return [each.service.hostname for each in view.attachments.services]


def policy(name: str, namespace: str, target: str) -> str:
    return f"""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{targetRefs: [{target}], rules: [{{}}]}}
"""


def enforced(view: ProxyView, host: str = HOST) -> list[str]:
    return [each.key.name for each in view.attachments.by_host[Hostname(host)].security.authorizations]


def test_services_of_the_namespace_are_behind_its_waypoint_but_not_the_waypoint_itself() -> None:
    assert hosts(waypoint()) == [HOST]


def test_a_service_of_another_namespace_may_name_the_waypoint() -> None:
    assert hosts(waypoint(ELSEWHERE)) == ["api.other.svc.cluster.local", HOST]


def test_a_namespace_that_the_waypoint_does_not_allow_is_not_behind_it() -> None:
    only_own = GATEWAY.replace(", allowedRoutes: {namespaces: {from: All}}", "")

    assert hosts(waypoint(ELSEWHERE, gateway=only_own)) == [HOST]


def test_a_waypoint_for_workloads_has_their_addresses_and_no_services() -> None:
    view = waypoint(pod("web-1", "10.1.0.1"), gateway=FOR_WORKLOADS)

    assert (hosts(view), view.attachments.workloads) == ([], ("10.1.0.1",))
    assert view.attachments.takes_workloads


def test_policies_for_the_gateway_the_class_and_the_service_hold_for_its_traffic() -> None:
    gateway = "{group: gateway.networking.k8s.io, kind: Gateway, name: waypoint}"
    of_class = "{group: gateway.networking.k8s.io, kind: GatewayClass, name: istio-waypoint}"
    service = '{group: "", kind: Service, name: web}'
    view = waypoint(
        policy("a-class", "istio-system", of_class),
        policy("not-root", "shop", of_class),
        policy("b-gateway", "shop", gateway),
        policy("c-service", "shop", service),
        policy("d-other", "shop", '{group: "", kind: Service, name: api}'),
        policy("e-elsewhere", "other", service),
        ELSEWHERE,
    )

    assert enforced(view) == ["a-class", "b-gateway", "c-service"]
    assert enforced(view, "api.other.svc.cluster.local") == ["a-class", "b-gateway"]
    assert [each.key.name for each in view.security.authorizations] == ["a-class", "b-gateway"]


def test_policies_of_the_namespace_of_a_service_elsewhere_hold_for_its_traffic() -> None:
    view = waypoint(ELSEWHERE, policy("own", "other", '{group: "", kind: Service, name: api}'))

    assert enforced(view, "api.other.svc.cluster.local") == ["own"]


def test_routes_name_the_services_that_need_outbound_clusters() -> None:
    routes = f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: web, namespace: shop}}
spec:
  hosts: [{HOST}]
  http: [{{route: [{{destination: {{host: {HOST}}}}}], mirror: {{host: api.other.svc.cluster.local}}}}]
"""
    view = waypoint(routes)

    assert view.attachments.referenced == {"api.other.svc.cluster.local"}
    assert [each.name for each in view.attachments.services[0].routes] == ["web"]


def test_routes_of_any_namespace_name_them_but_hold_only_if_they_are_of_the_services_or_the_waypoints() -> None:
    routes = f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: web, namespace: third}}
spec: {{hosts: [{HOST}], http: [{{route: [{{destination: {{host: api.other.svc.cluster.local}}}}]}}]}}
"""
    attachments = waypoint(routes).attachments

    assert attachments.referenced == {"api.other.svc.cluster.local"}
    assert attachments.services[0].routes == ()


def test_replicas_share_what_is_attached() -> None:
    snapshot = ambient()
    other = {**NODE, "id": "waypoint~10.1.0.8~waypoint-1.shop~shop.svc.cluster.local"}

    assert view_of(snapshot, NODE).attachments is view_of(snapshot, other).attachments


def test_other_proxies_have_nothing_attached() -> None:
    router = {**NODE, "id": NODE["id"].replace("waypoint~", "router~", 1)}

    assert view_of(ambient(), router).attachments is NO_ATTACHMENTS


def test_a_waypoint_that_no_gateway_declares_has_nothing_behind_it() -> None:
    snapshot = ambient(gateway="")
    proxy = node.parse_node(node_of(NODE), snapshot.features)

    assert build.build(snapshot, proxy).attachments is NO_ATTACHMENTS


def test_every_address_of_a_service_counts() -> None:
    service = waypoint().attachments.services[0].service

    assert set(addresses_of(service)) == {"10.0.0.1"}


def test_through_an_entrance_comes_what_is_for_services_of_its_cluster_that_are_global() -> None:
    more = f"---{WAYS}---\n{{kind: Service, metadata: {{name: own, namespace: shop}}, spec: {{ports: [{{port: 80}}]}}}}"
    attachments = entrance(*cluster("east", "10.0.0.1", "10.1.0.1", more=more)).attachments
    assert attachments.is_entrance
    (attached,) = attachments.services
    assert (attached.service.hostname, attached.rule, attached.routes) == ("web.shop.svc.cluster.local", None, ())
    assert [each.protocol for each in attached.service.ports] == [PortProtocol.TCP]
    off = replace(FEATURES, ambient_multi_network=False)
    assert not entrance(features=off).attachments.is_entrance
