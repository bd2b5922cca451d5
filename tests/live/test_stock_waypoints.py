"""Real Envoys accept what waypoints are sent, the newest and the oldest alike, and what people write into it."""

from pathlib import Path

import pytest

from pilot.generators import clusters, listeners
from pilot.view.proxy_view import ProxyView
from tests import recordings
from tests.live.stock_envoy import node_of, static_bootstrap, validate
from tests.networks_mesh import entrance
from tests.shared import shared_path
from tests.waypoint_mesh import GATEWAY, pod, waypoint

pytestmark = pytest.mark.timeout(180)

ODD = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: wild, namespace: shop}
spec:
  hosts: ["*.example.com"]
  addresses: [240.0.0.1, 240.0.1.0/24, "2001:db8::1"]
  resolution: DYNAMIC_DNS
  ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: tls, protocol: TLS}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: named, namespace: shop}
spec:
  hosts: [api.example.com]
  location: MESH_EXTERNAL
  resolution: DNS
  ports: [{number: 443, name: https, protocol: HTTP, targetPort: 443}, {number: 9, name: any}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: named, namespace: shop}
spec:
  host: api.example.com
  trafficPolicy: {tls: {mode: MUTUAL, clientCertificate: /a, privateKey: /b}}
  subsets: [{name: v1}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: none, namespace: shop}
spec:
  hosts: [none.example.com]
  resolution: NONE
  ports: [{number: 81, name: http, protocol: HTTP, targetPort: 8081}, {number: 27017, name: m, protocol: MONGO}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web.shop.svc.cluster.local]
  http:
  - match: [{uri: {regex: "("}}]
    route: [{destination: {host: nowhere}}]
  - match: [{uri: {prefix: /a}}]
    directResponse: {status: 200, body: {string: aaaa}}
  - {}
  - route: [{destination: {host: nowhere}}]
  tcp: [{route: [{destination: {host: a}, weight: 0}, {destination: {host: b}, weight: 0}]}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: all, namespace: istio-system}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: GatewayClass, name: istio-waypoint}]
  action: DENY
  rules: [{from: [{source: {namespaces: ["a*"], notPrincipals: ["*"], serviceAccounts: [a/b]}}]}]
"""
ALL = GATEWAY.replace("namespace: shop}", "namespace: shop, labels: {istio.io/waypoint-for: all}}")
SETTINGS = {"ENABLE_WILDCARD_HOST_SERVICE_ENTRIES_FOR_TLS": "true"}


def assert_accepted(envoy: Path, view: ProxyView) -> None:
    """Envoy takes all clusters and listeners of a waypoint together."""
    made = [
        [recordings.message_of(found[name]) for name in found]
        for found in (listeners.build(view), clusters.build(view))
    ]
    assert all(made)
    bootstrap = static_bootstrap(listeners=made[0], clusters=made[1])
    bootstrap.node.id, bootstrap.node.cluster = "waypoint", "waypoint"
    verdict = validate(envoy, bootstrap)
    assert verdict.accepted, verdict.words


def test_a_stock_envoy_accepts_a_waypoint_with_everything_in_it(any_envoy: Path) -> None:
    listed = node_of(any_envoy).extensions

    assert_accepted(
        any_envoy, waypoint(pod("web-1", "10.1.0.1"), ODD, gateway=ALL, environment=SETTINGS, extensions=listed)
    )


def test_a_stock_envoy_accepts_what_leads_to_other_networks_and_what_comes_from_there(any_envoy: Path) -> None:
    listed = node_of(any_envoy).extensions
    several = {"AMBIENT_ENABLE_MULTI_NETWORK": "true", "AMBIENT_ENABLE_BAGGAGE": "true"}

    assert_accepted(any_envoy, waypoint(pod("web-1", "10.1.0.1"), environment=several, extensions=listed))
    assert_accepted(any_envoy, entrance(extensions=listed))


@pytest.mark.shared
def test_a_stock_envoy_accepts_the_recorded_waypoints(any_envoy: Path) -> None:
    directory, listed = shared_path("golden", "17-waypoint"), node_of(any_envoy).extensions
    for declared in recordings.read_proxies(directory, "waypoint").values():
        assert_accepted(any_envoy, recordings.view_of(recordings.read_scenario(directory), declared, listed))
