"""Small meshes written as YAML, for tests of the model and of views."""

import json
from collections.abc import Iterable
from typing import Any

import yaml

from pilot.model.features import Features
from pilot.model.mesh import MeshConfig
from pilot.model.mesh_networks import MeshNetworks
from pilot.model.mesh_settings import MeshSettings
from pilot.model.objects import Event, Object, ObjectKey
from pilot.model.snapshot import Change, Snapshot
from pilot.sources.decode import decode_document


def objects(text: str) -> list[Object]:
    """The objects of some YAML documents; a faulty one fails the test. `kind: Service` needs no apiVersion."""
    found: list[Object] = []
    for document in yaml.safe_load_all(text):
        if document is None:
            continue
        document.setdefault("apiVersion", _API_VERSIONS.get(document["kind"], "networking.istio.io/v1"))
        for decoded in decode_document(json.loads(json.dumps(document))):  # keys of JSON are text
            assert decoded.object is not None, decoded.faults
            found.append(decoded.object)
    return found


_API_VERSIONS = {
    **dict.fromkeys(
        ("Namespace", "Node", "Service", "Endpoints", "Pod", "ServiceAccount", "Secret", "ConfigMap"), "v1"
    ),
    "EndpointSlice": "discovery.k8s.io/v1",
    "PeerAuthentication": "security.istio.io/v1",
    **dict.fromkeys(("Ingress", "IngressClass"), "networking.k8s.io/v1"),
    **dict.fromkeys(("GatewayClass", "HTTPRoute", "GRPCRoute", "BackendTLSPolicy"), "gateway.networking.k8s.io/v1"),
    **dict.fromkeys(("TLSRoute", "TCPRoute"), "gateway.networking.k8s.io/v1alpha2"),
    "ReferenceGrant": "gateway.networking.k8s.io/v1beta1",
    "XListenerSet": "gateway.networking.x-k8s.io/v1alpha1",
    **dict.fromkeys(("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"), "rbac.authorization.k8s.io/v1"),
}


def only(text: str) -> Any:
    """The one object of a YAML document."""
    (found,) = objects(text)
    return found


def put(items: Iterable[Object]) -> list[Event]:
    """Events that add or replace objects."""
    return [Event(each.key, each) for each in items]


def mesh_of(text: str, mesh: MeshConfig | None = None, **features: Any) -> Snapshot:
    """A mesh with the objects of some YAML documents."""
    return Snapshot.empty(mesh, Features(**features)).apply(put(objects(text)))[0]


def edit(snapshot: Snapshot, text: str) -> tuple[Snapshot, Change]:
    """The mesh after some documents were added or replaced."""
    return snapshot.apply(put(objects(text)))


def remove(snapshot: Snapshot, kind: str, namespace: str, name: str) -> tuple[Snapshot, Change]:
    """The mesh without an object."""
    return snapshot.apply([Event(ObjectKey(kind, namespace, name), None)])


def settings(mesh: MeshConfig | None = None, networks: MeshNetworks | None = None, **features: Any) -> MeshSettings:
    """Settings with istiod's defaults but for what is given."""
    return MeshSettings(mesh or MeshConfig(), Features(**features), networks or MeshNetworks())
