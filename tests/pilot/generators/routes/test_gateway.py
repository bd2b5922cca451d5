from typing import Any

from pilot import memo
from pilot.generators import routes
from pilot.generators.routes.gateway import shared_hosts
from pilot.model.routing import ResolvedVirtualService
from pilot.resources import Origin
from tests.pilot.generators import worlds
from tests.pilot.generators.worlds import hosts_of, routes_of, view

REVIEWS = "reviews.default.svc.cluster.local"


def gateway(*servers: str, name: str = "gw", namespace: str = "default") -> str:
    listed = "\n".join(f"  - {each}" for each in servers)
    return f"""
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
{listed}
"""


def virtual_service(hosts: str, rest: str, name: str = "vs", gateways: str = "gw", namespace: str = "default") -> str:
    return f"""
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{hosts: {hosts}, gateways: [{gateways}], http: {rest}}}
"""


HTTP = '{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*.example.com"]}'
ALL = "[{route: [{destination: {host: reviews}}]}]"
SOME = "[{match: [{uri: {prefix: /a}}], route: [{destination: {host: reviews}}]}]"


def seen(*objects: str, name: str = "http.80", **environment: str) -> dict[str, Any]:
    return hosts_of(view(worlds.REVIEWS + "".join(objects), worlds.gateway(), **environment), name)


def test_hosts_that_server_and_virtual_service_share_are_served() -> None:
    hosts = seen(gateway(HTTP), virtual_service("[a.example.com, else.com]", ALL))

    assert list(hosts) == ["a.example.com:80"]
    assert hosts["a.example.com:80"]["routes"][0]["route"]["cluster"] == f"outbound|80||{REVIEWS}"


def test_a_server_without_routes_answers_404() -> None:
    hosts = seen(gateway(HTTP))

    assert hosts == {"blackhole:80": {"name": "blackhole:80", "domains": ["*"]}}


def test_a_host_for_one_namespace_redirects_under_its_whole_name() -> None:
    server = "{port: {number: 80, name: http, protocol: HTTP}, hosts: [./a.com], tls: {httpsRedirect: true}}"
    hosts = seen(gateway(server), virtual_service("[a.com]", ALL))

    assert {name: (each["domains"], each["requireTls"]) for name, each in hosts.items()} == {
        "a.com:80": (["a.com"], "ALL"),
        "default/a.com:80": (["default/a.com"], "ALL"),
    }


def test_redirects_of_a_server_that_wants_tls_are_to_https() -> None:
    server = "{port: {number: 443, name: http, protocol: HTTP}, hosts: [a.com], tls: {httpsRedirect: true}}"
    redirect = "[{redirect: {authority: b.com, derivePort: FROM_REQUEST_PORT}}]"
    hosts = seen(gateway(server), virtual_service("[a.com]", redirect), name="http.443")

    assert "portRedirect" not in hosts["a.com:443"]["routes"][0]["redirect"]


def test_an_unknown_name_has_an_empty_answer() -> None:
    made = routes_of(view(gateway(HTTP), worlds.gateway()), "http.81", "http.80")

    assert made["http.81"] == {"name": "http.81", "validateClusters": False}


def test_hosts_with_the_same_routes_are_one_virtual_host_if_the_feature_is_on() -> None:
    objects = (gateway(HTTP), virtual_service('["*.example.com", a.example.com, longer.example.com]', ALL))
    merged, apart = seen(*objects), seen(*objects, PILOT_ENABLE_ROUTE_COLLAPSE_OPTIMIZATION="false")

    assert list(merged) == ["longer.example.com:80"]
    assert merged["longer.example.com:80"]["domains"] == ["longer.example.com", "a.example.com", "*.example.com"]
    assert list(apart) == ["*.example.com:80", "a.example.com:80", "longer.example.com:80"]


def test_what_takes_everything_comes_last() -> None:
    hosts = seen(
        gateway(HTTP),
        virtual_service("[a.example.com]", ALL, "first"),
        virtual_service("[a.example.com]", SOME, "second"),
    )

    assert [each["match"]["prefix"] for each in hosts["a.example.com:80"]["routes"]] == ["/a", "/"]


def test_a_redirect_to_https_needs_no_route() -> None:
    server = "{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.com, b.com], tls: {httpsRedirect: true}}"
    hosts = seen(gateway(server), virtual_service("[a.com]", ALL))

    assert hosts["a.com:80"]["requireTls"] == "ALL"
    assert len(hosts["a.com:80"]["routes"]) == 1
    assert hosts["b.com:80"]["requireTls"] == "ALL"
    assert "routes" not in hosts["b.com:80"]


def test_a_condition_on_the_port_means_that_of_the_server() -> None:
    http = "[{match: [{port: 443}], route: [{destination: {host: reviews, subset: tls}}]}]"
    server = (
        "{port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.com], tls: {mode: SIMPLE, credentialName: c}}"
    )
    objects = (gateway(server, HTTP), virtual_service("[a.com]", http))

    assert list(seen(*objects, name="https.443.https.gw.default")) == ["a.com:443"]
    assert list(seen(*objects)) == ["blackhole:80"]


def test_a_redirect_stays_with_tls_where_there_is_tls() -> None:
    server = (
        "{port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.com], tls: {mode: SIMPLE, credentialName: c}}"
    )
    http = "[{redirect: {uri: /x, derivePort: FROM_REQUEST_PORT}}]"
    hosts = seen(gateway(server), virtual_service("[a.com]", http), name="https.443.https.gw.default")

    assert hosts["a.com:443"]["routes"][0]["redirect"] == {"pathRedirect": "/x"}


def test_servers_of_several_gateways_share_a_port() -> None:
    other = '{port: {number: 80, name: x, protocol: HTTP}, hosts: ["b.org"]}'
    hosts = seen(
        gateway(HTTP),
        gateway(other, name="two", namespace="other"),
        virtual_service("[a.example.com]", ALL),
        virtual_service("[b.org]", ALL, "vs2", "other/two"),
    )

    assert list(hosts) == ["a.example.com:80", "b.org:80"]


def resolved(namespace: str, *hosts: str) -> ResolvedVirtualService:
    return ResolvedVirtualService(Origin("VirtualService", namespace, "a"), namespace, "a", hosts, ("x/y",))


def test_a_server_may_serve_a_host_to_one_namespace_only() -> None:
    hosts = ("ns/a.com", "*.b.com")

    assert list(shared_hosts(hosts, resolved("ns", "A.com", "x.b.com"))) == ["a.com", "x.b.com"]
    assert list(shared_hosts(hosts, resolved("other", "a.com", "*"))) == ["*.b.com"]


def test_answers_tell_of_http3() -> None:
    server = "{port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: c}}"
    service = """
---
apiVersion: v1
kind: Service
metadata: {name: gw, namespace: istio-system}
spec: {clusterIP: 10.0.0.9, selector: {app: gateway}, ports: [{name: h3, port: 443, targetPort: 8443, protocol: UDP}]}
---
apiVersion: v1
kind: Pod
metadata: {name: gateway-0, namespace: istio-system, labels: {app: gateway, istio: ingressgateway}}
status: {phase: Running, podIP: 10.9.0.2}
"""
    objects = (gateway(server), virtual_service("[a.example.com]", ALL), service)
    for enabled, expected in (
        ("true", [{"header": {"key": "alt-svc", "value": 'h3=":443"; ma=86400'}}]),
        ("false", None),
    ):
        hosts = seen(*objects, name="https.443.https.gw.default", PILOT_ENABLE_QUIC_LISTENERS=enabled)
        assert hosts["a.example.com:443"]["routes"][0].get("responseHeadersToAdd") == expected


def test_many_hosts_are_made_in_as_many_pieces() -> None:
    services = "".join(virtual_service(f"[h{number}.example.com]", ALL, name=f"vs-{number}") for number in range(20))
    looked = view(worlds.REVIEWS + gateway(HTTP) + services, worlds.gateway())
    memo.clear_all()
    assert sum(1 for _ in routes.steps(looked, frozenset({"http.80"}))) >= 40, "one for its routes, one for the host"
