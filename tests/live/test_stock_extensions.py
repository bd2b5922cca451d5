"""Stock Envoys accept what EnvoyFilters, Telemetries and WasmPlugins make of listeners, routes and clusters."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
    HttpFilter,
)

from pilot.generators import clusters, listeners, routes
from pilot.generators.envoy.http_filters import HttpChain, Side, build_http_filters
from pilot.generators.envoy.packing import pack
from pilot.generators.listeners.address import listen_on
from pilot.generators.patching import sets
from pilot.view.proxy import Flavour
from pilot.view.proxy_view import ProxyView
from tests import recordings
from tests.live.stock_envoy import node_of, static_bootstrap, validate
from tests.pilot.generators import worlds
from tests.pilot.generators.patching.filters_of import LUA, MANAGER, envoy_filter, patch
from tests.pilot.generators.wasm.test_filters import document
from tests.shared import shared_directory, shared_path

KINDS = ("sidecar", "router")
FIRST_PORT = 30_000
DISORDERED = ("11-envoyfilter", "web")
"""Its EnvoyFilter puts filters after the router, on purpose."""

COLLECTOR = """
apiVersion: v1
kind: Service
metadata: {name: collector, namespace: otel}
spec: {clusterIP: 10.0.0.7, ports: [{name: grpc, port: 4317}, {name: http, port: 4318}]}
"""
HOST = "collector.otel.svc.cluster.local"
PROVIDERS = f"""
extensionProviders:
- {{name: file, envoyFileAccessLog: {{path: /dev/null, logFormat: {{labels: {{a: "%PROTOCOL%"}}}}}}}}
- {{name: http-als, envoyHttpAls: {{service: {HOST}, port: 4317}}}}
- {{name: tcp-als, envoyTcpAls: {{service: {HOST}, port: 4317}}}}
- {{name: otel-als, envoyOtelAls: {{service: {HOST}, port: 4317, logFormat: {{labels: {{a: b}}}}}}}}
- {{name: zipkin, zipkin: {{service: {HOST}, port: 4318}}}}
- {{name: datadog, datadog: {{service: {HOST}, port: 4318}}}}
- {{name: skywalking, skywalking: {{service: {HOST}, port: 4317}}}}
- {{name: otel, opentelemetry: {{service: {HOST}, port: 4317, resourceDetectors: {{environment: {{}}}}}}}}
- name: otel-http
  opentelemetry: {{service: {HOST}, port: 4318, http: {{path: /v1/traces, timeout: 3s}}}}
"""
TELEMETRY = """
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: all, namespace: istio-system}
spec:
  accessLogging:
  - providers: [{name: file}, {name: http-als}, {name: tcp-als}, {name: otel-als}]
    filter: {expression: "response.code >= 400 && request.url_path.contains('v1')"}
  tracing: [{providers: [{name: TRACER}], customTags: {a: {formatter: {value: "%PROTOCOL%"}}}}]
"""


def _carrying(configuration: Any, port: int, flavour: Flavour) -> Any:
    """A listener that holds a route configuration, so that Envoy reads it without asking for it."""
    known = [HttpFilter.FromString(each.body) for each in build_http_filters(HttpChain(Side.OUTBOUND), flavour)]
    manager = HttpConnectionManager(stat_prefix="x", route_config=configuration, http_filters=known)
    held = Filter(name=worlds.HCM, typed_config=pack(manager))
    return Listener(
        name=f"routes-{port}", address=listen_on("127.0.0.1", port), filter_chains=[FilterChain(filters=[held])]
    )


def _listeners(view: ProxyView) -> Iterator[Any]:
    made = sets.listeners(listeners.build(view), view)
    yield from (recordings.message_of(made[name]) for name in made)
    names = frozenset(recordings.names_in(list(recordings.as_json(made).values()), "routeConfigName"))
    found = sets.routes(routes.build(view, names), view)
    for number, each in enumerate(found.resources.values()):
        yield _carrying(recordings.message_of(each), FIRST_PORT + number, view.traits.flavour)


def _static_clusters(view: ProxyView) -> list[Any]:
    """Those that loggers and tracers name: Envoy looks them up at once."""
    made = (recordings.message_of(each) for each in sets.clusters(clusters.build(view), view).resources.values())
    named = [each for each in made if HOST in each.name]
    for each in named:
        for field in ("eds_cluster_config", "transport_socket_matches", "filters", "type"):
            each.ClearField(field)
    return named


def verdict_on(envoy: Path, view: ProxyView) -> Any:
    bootstrap = static_bootstrap(listeners=list(_listeners(view)), clusters=_static_clusters(view))
    bootstrap.node.id, bootstrap.node.cluster = "client", "client"
    return validate(envoy, bootstrap)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("tracer", ["zipkin", "datadog", "skywalking", "otel", "otel-http"])
def test_every_provider_of_logs_and_traces_is_accepted(any_envoy: Path, tracer: str) -> None:
    objects = "\n---\n".join((worlds.REVIEWS, worlds.DATABASE, COLLECTOR, TELEMETRY.replace("TRACER", tracer)))
    snapshot = recordings.snapshot_of(objects, PROVIDERS)
    view = recordings.view_of(snapshot, worlds.sidecar(), node_of(any_envoy).extensions)
    verdict = verdict_on(any_envoy, view)
    assert verdict.accepted, verdict.words


@pytest.mark.timeout(60)
def test_plugins_and_patches_are_accepted(any_envoy: Path) -> None:
    router = {"filterChain": {"filter": {"name": worlds.HCM, "subFilter": {"name": "envoy.filters.http.router"}}}}
    script = {"@type": LUA, "default_source_code": {"inline_string": "function envoy_on_request(h) end"}}
    merged = {"typed_config": {"@type": MANAGER, "xff_num_trusted_hops": 2}}
    patches = envoy_filter(
        patch("HTTP_FILTER", "INSERT_BEFORE", {"name": "lua", "typed_config": script}, listener=router),
        patch("NETWORK_FILTER", "MERGE", merged, listener={"filterChain": {"filter": {"name": worlds.HCM}}}),
        patch("VIRTUAL_HOST", "MERGE", {"request_headers_to_remove": ["x"]}),
    )
    plugins = (document("http", phase="AUTHN"), document("network", type="NETWORK"))
    snapshot = recordings.snapshot_of("\n---\n".join((worlds.REVIEWS, worlds.DATABASE, patches, *plugins)))
    verdict = verdict_on(any_envoy, recordings.view_of(snapshot, worlds.sidecar(), node_of(any_envoy).extensions))
    assert verdict.accepted, verdict.words


@pytest.mark.shared
@pytest.mark.timeout(240)
@pytest.mark.parametrize("scenario", ["11-envoyfilter", "12-telemetry", "13-wasm"])
def test_recorded_scenarios_are_accepted(any_envoy: Path, scenario: str) -> None:
    directory = shared_directory() / "golden" / scenario
    shared_path("golden", scenario)
    snapshot = recordings.read_scenario(directory)
    for name, declared in recordings.read_proxies(directory, *KINDS).items():
        verdict = verdict_on(any_envoy, recordings.view_of(snapshot, declared, node_of(any_envoy).extensions))
        assert verdict.accepted is ((scenario, name) != DISORDERED), f"{name}: {verdict.words}"
