"""A small shop for the dashboard: a mesh, its proxies, and their streams as they would be."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pilot.mesh import Mesh
from pilot.model.objects import ObjectKey
from pilot.model.problem import Problem, Severity
from pilot.resources import EMPTY, ResourceSet
from pilot.type_urls import CLUSTER, ENDPOINT, LISTENER, ROUTE, TypeUrl
from pilot.view.proxy import Proxy
from pilot.xds.discovery import Connection, WatchRow
from tests.pilot.model.meshes import mesh_of
from tests.pilot.view.proxies import proxy

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
SHOP = """
kind: Service
metadata: {name: reviews, namespace: shop}
spec: {clusterIP: 10.96.0.1, selector: {app: reviews}, ports: [{name: http, port: 9080}]}
---
kind: EndpointSlice
metadata: {name: reviews-a, namespace: shop, labels: {kubernetes.io/service-name: reviews}}
addressType: IPv4
ports: [{name: http, port: 9080}]
endpoints: [{addresses: [10.1.0.1]}, {addresses: [10.1.0.2]}, {addresses: [10.1.0.3], conditions: {ready: false}}]
---
kind: DestinationRule
metadata: {name: reviews, namespace: shop}
spec: {host: reviews, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}
---
kind: VirtualService
metadata: {name: reviews, namespace: shop}
spec:
  hosts: [reviews]
  http:
  - match: [{uri: {prefix: /new}, headers: {end-user: {exact: jason}}}]
    route: [{destination: {host: reviews, subset: v2}}]
  - route:
    - {destination: {host: reviews, subset: v1}, weight: 75}
    - {destination: {host: ratings, subset: v2}, weight: 25}
---
kind: Sidecar
metadata: {name: narrow, namespace: shop}
spec: {workloadSelector: {labels: {app: web}}, egress: [{hosts: ["./*", "istio-system/*"]}]}
"""
HOSTILE = "<script>alert(1)</script>"
PROBLEMS = (
    Problem("expected a port, got none", ObjectKey("Gateway", "shop", "web"), "a.yaml", 7, "spec.servers[0].port"),
    Problem(f"look at {HOSTILE}", severity=Severity.WARNING),
)


def mesh() -> Mesh:
    """The shop."""
    return Mesh(mesh_of(SHOP))


def connection(of: Mesh, described: Proxy | None = None, number: int = 1, **changes: Any) -> Connection:
    """A proxy that has accepted everything; `changes` are those of its clusters' row."""
    found = described or proxy("web-0", "shop", "10.1.0.1")
    rows = []
    for type_url in (CLUSTER, ENDPOINT, LISTENER, ROUTE):
        names = (
            frozenset({"9080"}) if type_url == ROUTE else frozenset({"outbound|9080||reviews.shop.svc.cluster.local"})
        )
        by_name = type_url in (ROUTE, ENDPOINT)
        made = of.resources_for(found, type_url, names if by_name else None) or EMPTY
        sent = NOW - timedelta(minutes=3)
        rows.append(
            WatchRow(
                type_url,
                names if by_name else frozenset(),
                not by_name,
                made.version,
                "n1",
                sent,
                made.version,
                "n1",
                "",
            )
        )
    rows[0] = replace(rows[0], **changes)
    return Connection(
        f"{found.id}-{number}", found.id, "10.1.0.1:4000", "delta", NOW - timedelta(hours=2), found, tuple(rows)
    )


def held(of: Mesh, by: Connection) -> Mapping[TypeUrl, ResourceSet]:
    """What the proxy is to have."""
    return {
        row.type_url: of.resources_for(by.proxy, row.type_url, None if row.wildcard else row.names) or EMPTY
        for row in by.watches
    }
