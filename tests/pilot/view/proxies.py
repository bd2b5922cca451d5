"""Proxies of small meshes, as they describe themselves."""

from typing import Any

from envoy.config.core.v3 import base_pb2

from pilot.model.features import Features
from pilot.view.node import parse_node
from pilot.view.proxy import Proxy


def proxy(
    name: str = "web-0", namespace: str = "app", address: str = "10.1.0.1", kind: str = "sidecar", **metadata: Any
) -> Proxy:
    """A proxy beside the Pod `web-0.app`, or as the arguments say."""
    node = base_pb2.Node(id=f"{kind}~{address}~{name}.{namespace}~{namespace}.svc.cluster.local")
    node.metadata.update({"NAMESPACE": namespace, "CLUSTER_ID": "Kubernetes", **metadata})
    return parse_node(node, Features())
