"""How many proxies of a Gateway have what is current."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pilot.model.objects import ObjectKey
from pilot.status.acknowledgement import Behind, Progress, count
from pilot.type_urls import CLUSTER, LISTENER, ROUTE, TypeUrl
from pilot.xds.discovery import Connection, WatchRow
from tests.pilot.gatewayapi.worlds import HTTP, gateway, world
from tests.pilot.status.test_gateways import ALLOWED, SET
from tests.pilot.view.proxies import proxy

LABEL = {"gateway.networking.k8s.io/gateway-name": "main"}
MAIN = ObjectKey("KubernetesGateway", "gws", "main")
NOW = datetime(2024, 1, 1, tzinfo=UTC)
GOOD = WatchRow(LISTENER, frozenset(), True, "v1", "2", NOW, "v1", "2", "")


def connection(name: str, *watches: WatchRow, kind: str = "router", labels: Any = LABEL) -> Connection:
    """A stream of a gateway proxy."""
    known = proxy(name, "gws", "10.1.1.1", kind, LABELS=labels)
    return Connection(f"{name}.gws-1", "", "", "delta", NOW, known, watches)


def current(_: Any, type_url: TypeUrl, names: frozenset[str] | None) -> str | None:
    """Listeners and clusters are at v1; nobody is served routes."""
    return None if type_url == ROUTE else "v1"


def progress(*connections: Connection) -> Progress | None:
    """Of Gateway main."""
    return count(world(HTTP), connections, current).get(MAIN)


def test_who_has_everything_has_acknowledged() -> None:
    clusters, routes = replace(GOOD, type_url=CLUSTER), replace(GOOD, type_url=ROUTE, wildcard=False, sent_nonce="")
    found = progress(connection("a", GOOD, clusters, replace(routes, names=frozenset("x"))), connection("b", GOOD))
    assert found == Progress(2, 2)


def test_who_lags_is_named_with_the_reason() -> None:
    refused = replace(GOOD, error="no such filter")
    waiting = replace(GOOD, type_url=CLUSTER, sent_nonce="3")
    pending = replace(GOOD, sent_version="v0", acked_version="v0")
    found = progress(
        connection("a", GOOD),
        connection("b", waiting, refused),
        connection("c", waiting),
        connection("d", pending),
    )
    assert found == Progress(
        4,
        1,
        (
            Behind("b.gws-1", ("LDS", "CDS"), "refused", "no such filter"),
            Behind("c.gws-1", ("CDS",), "waiting"),
            Behind("d.gws-1", ("LDS",), "pending"),
        ),
    )


def test_what_is_not_wanted_any_more_does_not_count() -> None:
    assert progress(connection("a", GOOD, replace(GOOD, type_url=CLUSTER, wildcard=False, acked_version=""))) == (
        Progress(1, 1)
    )


def test_only_its_own_proxies_count() -> None:
    assert progress(connection("a", GOOD, kind="sidecar")) is None
    assert progress(connection("a", GOOD, labels={})) is None
    assert progress(connection("a", GOOD, labels={"gateway.networking.k8s.io/gateway-name": "other"})) is None


def test_servers_say_what_is_served() -> None:
    pod = """
---
kind: Service
metadata: {name: main-istio, namespace: gws}
spec: {selector: {app: gw}, ports: [{name: a, port: 80, targetPort: 8080}, {name: b, port: 81, targetPort: 8081}]}
---
kind: Pod
metadata: {name: a, namespace: gws, labels: {app: gw}}
status: {podIP: 10.1.1.1, phase: Running, conditions: [{type: Ready, status: 'True'}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: old, namespace: gws}
spec: {selector: {app: gw}, servers: [{port: {number: 90, name: http, protocol: HTTP}, hosts: ['*']}]}
"""
    declared = gateway("[{name: a, port: 80, protocol: HTTP}]", ALLOWED)
    found = count(world(declared, SET, pod), [connection("a", GOOD, labels={"app": "gw"})], current)
    assert set(found) == {MAIN, ObjectKey("XListenerSet", "app", "more"), ObjectKey("Gateway", "gws", "old")}
