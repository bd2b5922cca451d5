from typing import Any

from pilot.generators import extension_configs, listeners
from pilot.generators.patching import sets as patches
from pilot.generators.waypoint import chains
from pilot.view.proxy_view import ProxyView
from tests.networks_mesh import entrance
from tests.pilot.generators.worlds import config_of, filters_of
from tests.recordings import as_json, names_in
from tests.waypoint_mesh import GATEWAY, HOST, pod, waypoint

WEB_HTTP = f"inbound-vip|80|http|{HOST}"
MANAGER = "envoy.filters.network.http_connection_manager"
MORE = """
apiVersion: v1
kind: Service
metadata: {name: more, namespace: shop}
spec:
  clusterIP: 10.0.0.5
  selector: {app: more}
  ports: [{name: any, port: 6000}, {name: tls, port: 443}, {name: head, port: 81, appProtocol: http}]
"""
ALL = GATEWAY.replace("namespace: shop}", "namespace: shop, labels: {istio.io/waypoint-for: all}}")


def made(view: ProxyView) -> dict[str, Any]:
    return as_json(listeners.build(view))


def ranges(view: ProxyView) -> list[str]:
    tree = made(view)["main_internal"]["filterChainMatcher"]["matcherTree"]["customMatch"]["typedConfig"]
    return [each["ranges"][0]["addressPrefix"] for each in tree["rangeMatchers"]]


def inspector(view: ProxyView, name: str) -> Any:
    filters = {each["name"].rpartition(".")[2]: each for each in made(view)["main_internal"]["listenerFilters"]}
    return filters.get(name)


def ports(disabled: Any) -> list[int]:
    rules = disabled["orMatch"]["rules"] if "orMatch" in disabled else [disabled]
    return [each["destinationPortRange"]["start"] for each in rules]


def test_a_waypoint_ends_tunnels_works_inside_and_opens_new_ones() -> None:
    assert list(made(waypoint())) == [
        "connect_terminate",
        "main_internal",
        "connect_originate",
        "inner_connect_originate",
        "outer_connect_originate",
    ]


def test_a_waypoint_with_nothing_behind_it_has_no_listeners() -> None:
    alone = "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}"

    assert made(waypoint(alone)) == {}


def test_each_part_of_a_service_has_a_chain_and_workloads_have_two_for_all() -> None:
    chains = [each["name"] for each in made(waypoint())["main_internal"]["filterChains"]]

    assert chains == [WEB_HTTP, "direct-tcp", "direct-http"]


def test_services_are_found_by_address_before_workloads() -> None:
    assert ranges(waypoint(pod("web-1", "10.1.0.1"), gateway=ALL)) == ["10.0.0.1", "10.1.0.1"]


def test_first_bytes_are_looked_at_only_where_that_may_say_something() -> None:
    view = waypoint(MORE)

    assert ports(inspector(view, "http_inspector")["filterDisabled"]) == [80, 81, 443]
    assert ports(inspector(view, "tls_inspector")["filterDisabled"]) == [80, 81, 6000]
    assert inspector(waypoint(), "tls_inspector") is None


def test_for_workloads_every_port_may_carry_requests() -> None:
    view = waypoint(pod("web-1", "10.1.0.1"), gateway=ALL)

    assert "filterDisabled" not in inspector(view, "http_inspector")


def test_a_policy_of_one_service_is_enforced_in_its_chain_only() -> None:
    policy = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  targetRefs: [{group: "", kind: Service, name: web}]
  action: DENY
  rules: [{from: [{source: {principals: [cluster.local/ns/a/sa/b]}}]}]
"""
    found = {each["name"]: each for each in made(waypoint(policy, MORE))["main_internal"]["filterChains"]}
    filters = config_of(found[WEB_HTTP], MANAGER)["httpFilters"]
    (rbac,) = (each for each in filters if each["name"] == "envoy.filters.http.rbac")

    assert "io.istio.peer_principal" in set(names_in(rbac, "key"))
    others = [each for name, each in found.items() if name != WEB_HTTP]
    assert all("envoy.filters.http.rbac" not in set(names_in(each["filters"], "name")) for each in others)


def test_plugins_of_a_service_are_asked_for_in_its_chain_and_served() -> None:
    plugin = """
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: wp, namespace: shop}
spec: {targetRefs: [{group: "", kind: Service, name: web}], url: oci://a/b, phase: AUTHN}
"""
    view, name = waypoint(plugin), "extensions.istio.io/wasmplugin/shop.wp"
    found = {each["name"]: each for each in made(view)["main_internal"]["filterChains"]}

    assert config_of(found[WEB_HTTP], MANAGER)["httpFilters"][0]["name"] == name
    assert name not in str(found["direct-http"])
    assert name in extension_configs.build(view, frozenset((name,)))


def test_a_telemetry_of_a_service_logs_its_traffic_only() -> None:
    telemetry = """
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: web, namespace: shop}
spec: {targetRefs: [{group: "", kind: Service, name: web}], accessLogging: [{providers: [{name: envoy}]}]}
"""
    found = {each["name"]: each for each in made(waypoint(telemetry, MORE))["main_internal"]["filterChains"]}

    assert config_of(found[WEB_HTTP], MANAGER)["accessLog"]
    assert "accessLog" not in config_of(found["direct-http"], MANAGER)


def test_names_found_at_run_time_have_the_filters_that_find_them() -> None:
    wild = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: wild, namespace: shop}
spec:
  hosts: ["*.example.com"]
  addresses: [240.0.0.1]
  resolution: DYNAMIC_DNS
  ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: tls, protocol: TLS}]
"""
    view = waypoint(wild, environment={"ENABLE_WILDCARD_HOST_SERVICE_ENTRIES_FOR_TLS": "true"})
    found = {each["name"]: each for each in made(view)["main_internal"]["filterChains"]}
    http = config_of(found["inbound-vip|80|http|*.example.com"], MANAGER)

    assert "envoy.filters.http.dynamic_forward_proxy" in [each["name"] for each in http["httpFilters"]]
    assert http["routeConfig"]["virtualHosts"][0]["domains"] == ["*.example.com"]
    assert "envoy.extensions.filters.network.sni_dynamic_forward_proxy" in filters_of(
        found["inbound-vip|443|tcp|*.example.com"]
    )


LAYERED = {"ENABLE_LAYERED_WAYPOINT_AUTHORIZATION_POLICIES": "true"}


def test_policies_by_selector_may_hold_where_tunnels_end() -> None:
    policy = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: friends, namespace: shop}
spec: {rules: [{from: [{source: {namespaces: [shop]}}]}, {to: [{operation: {methods: [GET]}}]}]}
"""
    layered, plain = waypoint(policy, environment=LAYERED), waypoint(policy)
    (chain,) = made(layered)["connect_terminate"]["filterChains"]
    first = config_of(chain, MANAGER)["httpFilters"][0]

    assert first["name"] == "envoy.filters.http.rbac"
    assert list(first["typedConfig"]["rules"]["policies"]) == ["ns[shop]-policy[friends]-rule[0]"]
    assert "rbac" not in str(made(plain)["connect_terminate"])


def test_what_was_made_for_a_service_is_used_again() -> None:
    first = waypoint(MORE)
    listeners.build(first)
    made_before = chains.http_chain.calls
    listeners.build(first)

    assert chains.http_chain.calls == made_before


def test_patches_for_servers_reach_every_listener_of_a_waypoint() -> None:
    patch = """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: all, namespace: shop}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: waypoint}]
  configPatches:
  - {applyTo: LISTENER, match: {context: SIDECAR_INBOUND}, patch: {operation: MERGE, value: {stat_prefix: x}}}
"""
    view = waypoint(patch)
    patched = as_json(patches.listeners(listeners.build(view), view))

    assert {name for name, each in patched.items() if each.get("statPrefix") == "x"} == set(made(waypoint()))


def test_an_entrance_finds_services_by_the_name_that_a_tunnel_is_for() -> None:
    found = made(entrance())
    assert list(found) == ["connect_terminate", "main_internal", "forward_inner_connect"]
    filters = [
        each["name"] for each in config_of(found["connect_terminate"]["filterChains"][0], MANAGER)["httpFilters"]
    ]
    assert filters[-2:] == ["request_source", "envoy.filters.http.router"]
    name = "inbound-vip|80|tcp|web.shop.svc.cluster.local"
    assert [each["name"] for each in found["main_internal"]["filterChains"]] == [name, "direct-tcp", "direct-http"]
    matcher = found["main_internal"]["filterChainMatcher"]
    assert matcher["matcherTree"]["input"]["typedConfig"]["key"] == "io.istio.connect_authority"
    by_name = matcher["matcherTree"]["exactMatchMap"]["map"]
    assert by_name["web.shop.svc.cluster.local:80"]["action"]["name"] == name
    assert matcher["onNoMatch"]["matcher"]["matcherTree"]["input"]["name"] == "ip"
    forward = config_of(found["forward_inner_connect"]["filterChains"][0], "envoy.filters.network.tcp_proxy")
    assert (forward["cluster"], "tunnelingConfig" in forward) == ("forward_inner_connect", False)


def test_a_waypoint_of_one_network_among_others_finds_services_by_name_too() -> None:
    several = {"AMBIENT_ENABLE_MULTI_NETWORK": "true"}
    matcher = made(waypoint(MORE, environment=several))["main_internal"]["filterChainMatcher"]
    by_name = matcher["matcherTree"]["exactMatchMap"]["map"]
    assert by_name[f"{HOST}:80"]["action"]["name"] == WEB_HTTP
    assert "matcher" in by_name["more.shop.svc.cluster.local:6000"]
    assert "onNoMatch" not in made(waypoint(MORE))["main_internal"]["filterChainMatcher"]


def test_who_opens_a_tunnel_may_say_who_it_is() -> None:
    def headers(**environment: str) -> dict[str, str]:
        tunnel = made(waypoint(environment=environment))["connect_originate"]["filterChains"][0]
        config = config_of(tunnel, "envoy.filters.network.tcp_proxy")["tunnelingConfig"]
        return {each["header"]["key"]: each["header"]["value"] for each in config.get("headersToAdd", ())}

    assert headers() == {}
    said = headers(AMBIENT_ENABLE_BAGGAGE="true")["baggage"]
    assert said == "k8s.cluster.name=Kubernetes,k8s.namespace.name=shop,service.version=latest"
