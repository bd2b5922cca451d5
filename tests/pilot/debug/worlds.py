"""A small mesh with three proxies connected, as debug pages see it: the one of the recordings."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import yaml
from envoy.config.core.v3.base_pb2 import Node
from google.protobuf import json_format

from pilot.mesh import Mesh
from pilot.resources import EMPTY
from pilot.type_urls import CLUSTER, ENDPOINT, LISTENER, ROUTE, TypeUrl
from pilot.view.node import parse_node
from pilot.xds.discovery import Connection, WatchRow
from tests import recordings
from tests.shared import GOLDEN

SCENARIO = GOLDEN / "01-bookinfo"
WHEN = datetime(2026, 11, 20, 17, 26, 56, 958721, UTC)
MORE = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: default}
spec: {host: reviews.default.svc.cluster.local, subsets: [{name: v1, labels: {version: v1}}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: viewers, namespace: default}
spec:
  rules:
  - from: [{source: {principals: [cluster.local/ns/default/sa/bookinfo-productpage]}}]
    to: [{operation: {methods: [GET]}}]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: default}
spec: {mtls: {mode: STRICT}}
"""


def bookinfo() -> Mesh:
    """The mesh."""
    mesh = Mesh(recordings.read_scenario(SCENARIO))
    mesh.snapshot, _ = mesh.snapshot.apply(list(recordings.decode_objects(MORE)))
    mesh.is_listed = True
    return mesh


def nodes() -> dict[str, Node]:
    """The proxies by name."""
    found = {}
    for name, told in yaml.safe_load((SCENARIO / "proxies.yaml").read_text()).items():
        metadata = {"PROXY_CONFIG": {"discoveryAddress": "istiod.istio-system.svc:15012"}, **told["metadata"]}
        made = json_format.ParseDict({"id": told["id"], "cluster": told["cluster"], "metadata": metadata}, Node())
        made.locality.region, made.locality.zone = "us-east1", "us-east1-b"
        found[name] = made
    return found


def connections(mesh: Mesh, **fields: Any) -> list[Connection]:
    """All of them, with everything sent and accepted."""
    return [connected(mesh, node, number, **fields) for number, node in enumerate(nodes().values(), 1)]


def connected(mesh: Mesh, node: Node, number: int = 1, **fields: Any) -> Connection:
    """One proxy that watches what Envoy does."""
    proxy = parse_node(node, mesh.snapshot.features)
    watches = [row(CLUSTER, "*"), row(LISTENER, "*")]
    clusters = mesh.resources_for(proxy, CLUSTER, None) or EMPTY
    watches.insert(1, row(ENDPOINT, *(each for each in clusters if each.startswith("outbound|"))))
    routes = (
        ("9080", "80", "istio-ingressgateway.istio-system.svc.cluster.local:15021")
        if proxy.traits.kind.value == "sidecar"
        else ("http.8080",)
    )
    watches.append(row(ROUTE, *routes))
    made = Connection(
        f"{proxy.id}-{number}", node.id, "127.0.0.1:33456", "delta", WHEN, proxy, tuple(watches)
    )  # fmt: skip
    return replace(made, **fields)


def row(type_url: TypeUrl, *names: str, acked: str = "1", error: str = "") -> WatchRow:
    """A type that was sent with nonce 1."""
    every = "*" in names
    return WatchRow(type_url, frozenset(names) - {"*"}, every, "v1", "1", WHEN, "v1", acked, error)
