from typing import Any

import pytest

from pilot.generators import listeners
from tests.pilot.generators.worlds import (
    DATABASE,
    HCM,
    REVIEWS,
    TCP_PROXY,
    config_of,
    filters_of,
    gateway,
    listeners_of,
    view,
)

HTTP = '{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}'
DB = "db.data.svc.cluster.local"


def declared(*servers: str, name: str = "gw", namespace: str = "default") -> str:
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


def routed(kind: str, routes: str, hosts: str = '["*"]', name: str = "vs") -> str:
    return f"""
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: default}}
spec: {{hosts: {hosts}, gateways: [gw], {kind}: {routes}}}
"""


def https(*hosts: str, credential: str = "cert", port: int = 443, **more: Any) -> str:
    named = ", ".join(f'"{each}"' for each in hosts)
    extra = "".join(f", {key}: {value}" for key, value in more.items())
    return (
        f"{{port: {{number: {port}, name: https-{credential}, protocol: HTTPS}}, hosts: [{named}], "
        f"tls: {{mode: SIMPLE, credentialName: {credential}}}{extra}}}"
    )


def made(*objects: str, mesh: str = "", metadata: dict[str, Any] | None = None, **environment: str) -> Any:
    proxy = gateway("default", **metadata or {})
    return listeners_of(view("".join((REVIEWS, "---", DATABASE, *objects)), proxy, mesh, **environment))


def names(listener: Any) -> list[list[str]]:
    """Server names of the chains."""
    return [each.get("filterChainMatch", {}).get("serverNames", []) for each in listener["filterChains"]]


def test_plain_http_takes_every_connection_of_its_port() -> None:
    listener = made(declared(HTTP))["0.0.0.0_80"]
    (chain,) = listener["filterChains"]

    assert "filterChainMatch" not in chain
    assert config_of(chain, HCM)["rds"]["routeConfigName"] == "http.80"
    assert config_of(chain, HCM)["useRemoteAddress"] is True
    assert "listenerFilters" not in listener
    assert "bindToPort" not in listener


def test_terminated_tls_is_for_its_hosts_with_its_certificate() -> None:
    listener = made(declared(https("a.com", "*.b.com")))["0.0.0.0_443"]
    (chain,) = listener["filterChains"]

    assert names(listener) == [["*.b.com", "a.com"]]
    assert config_of(chain, HCM)["rds"]["routeConfigName"] == "https.443.https-cert.gw.default"
    assert "kubernetes://cert" in str(chain["transportSocket"])
    assert [each["name"] for each in listener["listenerFilters"]] == ["envoy.filters.listener.tls_inspector"]


def test_servers_of_a_port_have_chains_of_their_own() -> None:
    listener = made(declared(https("a.com"), https("b.com", credential="other")))["0.0.0.0_443"]

    assert names(listener) == [["a.com"], ["b.com"]]


def test_a_server_for_a_host_that_an_earlier_one_has_is_left_out() -> None:
    listener = made(declared(https("a.com")), declared(https("a.com", "c.com"), name="other"))["0.0.0.0_443"]

    assert names(listener) == [["a.com"]]


def test_without_gateways_there_are_no_listeners() -> None:
    assert made() == {}


def test_without_the_rights_for_low_ports_these_are_left_out() -> None:
    ports = declared(HTTP, HTTP.replace("80", "8080"))

    assert list(made(ports, metadata={"UNPRIVILEGED_POD": "true"})) == ["0.0.0.0_8080"]


def test_a_server_may_have_an_address_of_its_own() -> None:
    listener = made(declared(HTTP.replace("hosts", "bind: 127.0.0.1, hosts")))["127.0.0.1_80"]

    assert listener["address"]["socketAddress"] == {"address": "127.0.0.1", "portValue": 80}


TCP = '{port: {number: 5000, name: tcp, protocol: TCP}, hosts: ["*"]}'
TCP_ROUTE = f"[{{match: [{{port: 5000}}], route: [{{destination: {{host: {DB}, port: {{number: 5432}}}}}}]}}]"


def test_bytes_go_where_the_tcp_route_for_the_port_says() -> None:
    listener = made(declared(TCP), routed("tcp", TCP_ROUTE))["0.0.0.0_5000"]
    (chain,) = listener["filterChains"]

    assert config_of(chain, TCP_PROXY)["cluster"] == f"outbound|5432||{DB}"
    assert "transportSocket" not in chain


@pytest.mark.parametrize("match", ["port: 5001", "gateways: [other]"])
def test_a_tcp_route_for_others_is_not_taken(match: str) -> None:
    routes = f"[{{match: [{{{match}}}], route: [{{destination: {{host: {DB}}}}}]}}]"

    assert made(declared(TCP), routed("tcp", routes)) == {}


def test_bytes_in_terminated_tls_are_for_the_servers_hosts() -> None:
    server = (
        "{port: {number: 5000, name: tls, protocol: TLS}, hosts: [a.com], tls: {mode: SIMPLE, credentialName: cert}}"
    )
    listener = made(declared(server), routed("tcp", TCP_ROUTE, "[a.com]"))["0.0.0.0_5000"]
    (chain,) = listener["filterChains"]

    assert names(listener) == [["a.com"]]
    assert "kubernetes://cert" in str(chain["transportSocket"])
    assert filters_of(chain)[-1] == TCP_PROXY


PASSTHROUGH = '{port: {number: 443, name: tls, protocol: TLS}, hosts: ["*.com", "*.local"], tls: {mode: PASSTHROUGH}}'


def test_passed_through_tls_goes_by_server_name() -> None:
    routes = f"""[
  {{match: [{{port: 443, sniHosts: [a.com]}}], route: [{{destination: {{host: {DB}, port: {{number: 5432}}}}}}]}},
  {{match: [{{port: 443, sniHosts: [b.com]}}], route: [{{destination: {{host: reviews, port: {{number: 80}}}}}}]}}]"""
    listener = made(declared(PASSTHROUGH), routed("tls", routes, "[a.com, b.com]"))["0.0.0.0_443"]

    assert names(listener) == [["a.com"], ["b.com"]]
    assert [config_of(each, TCP_PROXY)["cluster"] for each in listener["filterChains"]] == [
        f"outbound|5432||{DB}",
        "outbound|80||reviews.default.svc.cluster.local",
    ]
    assert all("transportSocket" not in each for each in listener["filterChains"])


def test_a_name_without_tls_route_is_not_passed_through() -> None:
    assert made(declared(PASSTHROUGH)) == {}


def test_clients_of_other_networks_name_clusters_themselves() -> None:
    server = '{port: {number: 15443, name: tls, protocol: TLS}, hosts: ["*.local"], tls: {mode: AUTO_PASSTHROUGH}}'
    subsets = """
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: default}
spec: {host: reviews.default.svc.cluster.local, subsets: [{name: v1, labels: {version: v1}}]}
"""
    listener = made(declared(server), subsets)["0.0.0.0_15443"]
    found = {
        tuple(each["filterChainMatch"]["serverNames"]): config_of(each, TCP_PROXY)["cluster"]
        for each in listener["filterChains"]
    }

    assert set(found) == {
        ("outbound_.80_._.reviews.default.svc.cluster.local",),
        ("outbound_.80_.v1_.reviews.default.svc.cluster.local",),
        (f"outbound_.5432_._.{DB}",),
    }
    assert all(cluster == name for (name,), cluster in found.items())


POLICIES = """
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: nothing, namespace: istio-system}
spec: {}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: db, namespace: data}
spec:
  host: db
  trafficPolicy:
    connectionPool: {tcp: {idleTimeout: 7s, maxConnectionDuration: 9s}}
    loadBalancer: {consistentHash: {useSourceIp: true}}
    tunnel: {protocol: CONNECT, targetHost: far, targetPort: 1}
"""


def test_encrypted_bytes_are_authorized_where_their_encryption_ends() -> None:
    server = '{port: {number: 15443, name: tls, protocol: TLS}, hosts: ["*.local"], tls: {mode: AUTO_PASSTHROUGH}}'
    listener = made(declared(server, HTTP), POLICIES)["0.0.0.0_15443"]

    assert all("rbac" not in str(filters_of(each)) for each in listener["filterChains"])
    assert "rbac" in str(made(declared(server, HTTP), POLICIES)["0.0.0.0_80"])


def test_encrypted_bytes_have_the_limits_of_their_rule_and_no_tunnel_of_it() -> None:
    server = '{port: {number: 15443, name: tls, protocol: TLS}, hosts: ["db.data.svc.cluster.local"], \
tls: {mode: AUTO_PASSTHROUGH}}'
    (chain,) = made(declared(server), POLICIES)["0.0.0.0_15443"]["filterChains"]
    proxy = config_of(chain, TCP_PROXY)

    assert (proxy["idleTimeout"], proxy["maxDownstreamConnectionDuration"]) == ("7s", "9s")
    assert proxy["hashPolicy"] == [{"sourceIp": {}}]
    assert "tunnelingConfig" not in proxy


def test_a_tls_condition_with_a_name_that_is_taken_is_left_out() -> None:
    to = f"route: [{{destination: {{host: {DB}}}}}]"
    routes = f"[{{match: [{{sniHosts: [a.com, b.com]}}, {{sniHosts: [b.com, c.com]}}, {{sniHosts: [d.com]}}], {to}}}]"
    listener = made(declared(PASSTHROUGH), routed("tls", routes, "[a.com, b.com, c.com, d.com]"))["0.0.0.0_443"]

    assert names(listener) == [["a.com", "b.com"], ["d.com"]]


def test_gateways_behind_a_proxy_read_its_header_first() -> None:
    topology = "defaultConfig: {gatewayTopology: {proxyProtocol: {}}}"
    listener = made(declared(HTTP), mesh=topology)["0.0.0.0_80"]

    assert [each["name"] for each in listener["listenerFilters"]] == ["envoy.filters.listener.proxy_protocol"]


def test_listeners_name_the_gateways_and_routes_they_were_made_from() -> None:
    objects = REVIEWS + "---" + DATABASE + declared(HTTP, TCP) + routed("tcp", TCP_ROUTE)
    found = listeners.build(view(objects, gateway("default")))

    assert [str(each) for each in found["0.0.0.0_80"].origins] == ["Gateway default/gw"]
    assert {str(each) for each in found["0.0.0.0_5000"].origins} >= {"Gateway default/gw", "VirtualService default/vs"}


def test_a_server_with_ciphers_that_no_proxy_knows_costs_no_other() -> None:
    broken = https("b.com", port=444).replace("tls: {mode: SIMPLE", "tls: {mode: SIMPLE, cipherSuites: [none]")
    found = made(declared(HTTP, broken, https("a.com")))

    assert {"0.0.0.0_80", "0.0.0.0_443"} <= set(found)


DATAGRAMS = """
---
apiVersion: v1
kind: Service
metadata: {name: gw, namespace: istio-system}
spec:
  clusterIP: 10.0.0.9
  selector: {app: gateway}
  ports:
  - {name: https, port: 443, targetPort: 8443}
  - {name: http3, port: 443, targetPort: 8443, protocol: UDP}
---
apiVersion: v1
kind: Pod
metadata: {name: gateway-0, namespace: istio-system, labels: {app: gateway, istio: ingressgateway}}
status: {phase: Running, podIP: 10.9.0.2}
"""


def test_https_is_served_as_http3_where_the_service_has_the_port_for_udp() -> None:
    objects = declared(https("a.com"), https("b.com", credential="b").replace("SIMPLE", "MUTUAL")) + DATAGRAMS
    seen = view(objects, gateway(), PILOT_ENABLE_QUIC_LISTENERS="true")
    found = listeners_of(seen)

    assert set(found) == {"0.0.0.0_8443", "udp_0.0.0.0_8443"}
    quic = found["udp_0.0.0.0_8443"]
    assert quic["address"]["socketAddress"] == {"protocol": "UDP", "address": "0.0.0.0", "portValue": 8443}
    assert quic["udpListenerConfig"] == {"quicOptions": {}, "downstreamSocketConfig": {}}
    assert "listenerFilters" not in quic
    (chain,) = quic["filterChains"]  # that for clients with certificates cannot be
    assert chain["filterChainMatch"] == {"serverNames": ["a.com"]}
    tls = chain["transportSocket"]["typedConfig"]["downstreamTlsContext"]
    assert (tls["commonTlsContext"]["alpnProtocols"], tls["requireClientCertificate"]) == (["h3"], False)
    manager = config_of(chain, HCM)
    assert (manager["codecType"], manager["http3ProtocolOptions"]) == ("HTTP3", {})
    tcp = [config_of(each, HCM)["rds"]["routeConfigName"] for each in found["0.0.0.0_8443"]["filterChains"]]
    assert (manager["rds"]["routeConfigName"], len(tcp)) == (tcp[0], 2)


def test_without_the_feature_or_the_port_there_is_no_http3() -> None:
    objects = declared(https("a.com"))
    assert set(listeners_of(view(objects + DATAGRAMS, gateway()))) == {"0.0.0.0_8443"}
    assert set(listeners_of(view(objects, gateway(), PILOT_ENABLE_QUIC_LISTENERS="true"))) == {"0.0.0.0_443"}


def test_a_server_on_an_address_that_is_none_costs_no_other() -> None:
    broken = '{port: {number: 81, name: http, protocol: HTTP}, hosts: ["*"], bind: 1.2.3.4.5}'
    assert set(made(declared(HTTP), declared(broken, name="broken"))) == {"0.0.0.0_80"}
