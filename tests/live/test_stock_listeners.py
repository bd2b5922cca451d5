"""Real Envoys accept every listener and every route that we make for them, the newest and the oldest alike."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
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
from pilot.view.proxy import Flavour
from pilot.view.proxy_view import ProxyView
from tests import recordings
from tests.live.stock_envoy import node_of, static_bootstrap, validate
from tests.pilot.generators import worlds
from tests.shared import GOLDEN, shared_directory, shared_path

KINDS = ("sidecar", "router")
FIRST_PORT = 20_000

BROKEN = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: broken, namespace: default}
spec:
  hosts: [reviews]
  http:
  - match:
    - {uri: {regex: "a(b"}}
    - {headers: {x: {regex: "(?<name>.)"}}}
    - {method: {prefix: ""}}
    - {uri: {prefix: /kept}}
    route: [{destination: {host: reviews}}]
  - {match: [{uri: {prefix: /percent}}], headers: {request: {set: {x: "50%"}}}, route: [{destination: {host: reviews}}]}
  - match: [{uri: {prefix: /lines}}]
    rewrite: {authority: "a\\nb"}
    route: [{destination: {host: reviews}}]
  - {match: [{uri: {prefix: /status}}], directResponse: {status: 99}}
  - {match: [{uri: {prefix: /code}}], redirect: {uri: /x, redirectCode: 333}}
  - match: [{uri: {prefix: /weights}}]
    route: [{destination: {host: a}, weight: 0}, {destination: {host: b}, weight: 0}]
  - match: [{uri: {prefix: /rewrite}}]
    rewrite: {uriRegexRewrite: {match: "(", rewrite: x}}
    route: [{destination: {host: reviews}}]
  - match: [{uri: {prefix: /fault}}]
    fault: {abort: {httpStatus: 7}, delay: {fixedDelay: 0s}}
    route: [{destination: {host: reviews}}]
  - match: [{uri: {prefix: /cors}}]
    corsPolicy: {allowOrigins: [{regex: "["}, {prefix: ""}]}
    route: [{destination: {host: reviews}}]
  - route: [{destination: {host: reviews}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: tls, namespace: default}
spec:
  hosts: [a.example.com, b.example.com]
  ports: [{name: tls, number: 443, protocol: TLS}]
  resolution: NONE
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: overlapping, namespace: default}
spec:
  hosts: [a.example.com, b.example.com]
  tls:
  - match: [{sniHosts: [a.example.com, b.example.com, "x*.example.com"]}]
    route: [{destination: {host: a.example.com}}]
  - match: [{sniHosts: [b.example.com, "*"]}, {sniHosts: ["*.*.com"]}]
    route: [{destination: {host: b.example.com}}]
"""


def _filters(flavour: Flavour) -> list[Any]:
    chain = HttpChain(Side.OUTBOUND, stateful_session=True)
    return [HttpFilter.FromString(each.body) for each in build_http_filters(chain, flavour)]


def _with_routes(configuration: Any, port: int, flavour: Flavour) -> Any:
    """A listener that holds a route configuration, so that Envoy reads it without asking for it."""
    manager = HttpConnectionManager(stat_prefix="x", route_config=configuration, http_filters=_filters(flavour))
    held = Filter(name="envoy.filters.network.http_connection_manager", typed_config=pack(manager))
    return Listener(
        name=f"routes-{port}", address=listen_on("127.0.0.1", port), filter_chains=[FilterChain(filters=[held])]
    )


def _static_listeners(view: ProxyView) -> Iterator[Any]:
    made = listeners.build(view)
    yield from (recordings.message_of(made[name]) for name in made)
    names = frozenset(recordings.names_in(list(recordings.as_json(made).values()), "routeConfigName"))
    for number, found in enumerate(routes.build(view, names).resources.values()):
        yield _with_routes(recordings.message_of(found), FIRST_PORT + number, view.traits.flavour)


def assert_accepted(envoy: Path, view: ProxyView, what: str) -> None:
    """Envoy takes all listeners of a proxy, and their routes."""
    made = list(_static_listeners(view))
    assert made
    named = [Cluster(name=name, type=Cluster.STATIC) for name in clusters.build(view)]  # tracers look for theirs
    bootstrap = static_bootstrap(listeners=made, clusters=named)
    bootstrap.node.id, bootstrap.node.cluster = "client", "client"
    verdict = validate(envoy, bootstrap)
    assert verdict.accepted, f"{what}: {verdict.words}"


def _assert_scenario_accepted(envoy: Path, directory: Path) -> None:
    listed = node_of(envoy).extensions
    snapshot = recordings.read_scenario(directory)
    for name, declared in recordings.read_proxies(directory, *KINDS).items():
        assert_accepted(envoy, recordings.view_of(snapshot, declared, listed), f"{directory.name}: {name}")


@pytest.mark.timeout(180)
def test_a_stock_envoy_accepts_all_listeners_and_routes(any_envoy: Path) -> None:
    for directory in sorted(GOLDEN.iterdir()):
        _assert_scenario_accepted(any_envoy, directory)


@pytest.mark.shared
@pytest.mark.timeout(300)
def test_a_stock_envoy_accepts_all_listeners_and_routes_of_every_scenario(any_envoy: Path) -> None:
    shared_path("golden")
    for directory in sorted((shared_directory() / "golden").iterdir()):
        if (directory / "golden").is_dir():
            _assert_scenario_accepted(any_envoy, directory)


def test_mistakes_of_users_never_cost_a_listener_or_a_route_table(any_envoy: Path) -> None:
    snapshot = recordings.snapshot_of(f"{worlds.REVIEWS}\n---\n{BROKEN}")
    view = recordings.view_of(snapshot, worlds.sidecar(), node_of(any_envoy).extensions)

    assert_accepted(any_envoy, view, "broken routes")
    answers = worlds.first_routes(view, "reviews.default.svc.cluster.local:80")
    errors = [each for each in answers if each.get("directResponse", {}).get("status", 0) >= 500]
    assert [each["match"]["prefix"] for each in errors] == [
        "/percent", "/lines", "/status", "/code", "/weights", "/rewrite", "/fault", "/cors"
    ]  # fmt: skip
    assert [each["match"]["prefix"] for each in answers if "route" in each] == ["/", "/kept", "/"]


def test_what_envoy_refuses_is_seen(any_envoy: Path) -> None:
    """The tests above would be worth nothing if Envoy took everything."""
    bootstrap = static_bootstrap(listeners=[Listener(name="x", address=listen_on("not an address", 80))])

    verdict = validate(any_envoy, bootstrap)

    assert not verdict.accepted
    assert "not an address" in verdict.words
