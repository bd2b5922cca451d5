"""Who may ask, and what the current snapshot answers."""

from typing import Any

import pytest
from envoy.config.core.v3 import base_pb2

from pilot.errors import BadNode, NotReady, PermissionDenied
from pilot.mesh import Mesh, verify_identity
from pilot.type_urls import CLUSTER, TypeUrl
from pilot.view import node as nodes
from tests.pilot.model.meshes import mesh_of

WEB = """
kind: Service
metadata: {name: web, namespace: default}
spec: {clusterIP: 10.96.0.1, ports: [{name: http, port: 80}]}
"""
OTHER = WEB.replace("web", "other")


def node(**metadata: str) -> Any:
    made = base_pb2.Node(id="sidecar~10.0.0.1~web-1.default~default.svc.cluster.local")
    made.metadata.update({"NAMESPACE": "default", "SERVICE_ACCOUNT": "web"} | metadata)
    return made


def mesh(text: str = WEB, **settings: Any) -> Mesh:
    made = Mesh(mesh_of(text), **settings)
    made.is_listed = True
    return made


def spiffe(namespace: str, account: str, domain: str = "cluster.local") -> str:
    return f"spiffe://{domain}/ns/{namespace}/sa/{account}"


def test_nobody_is_let_in_before_everything_was_read() -> None:
    early = Mesh(mesh_of(WEB))
    with pytest.raises(NotReady):
        early.connect(node(), None)


def test_plaintext_proxies_are_believed() -> None:
    proxy = mesh().connect(node(), None)
    assert (proxy.id, proxy.identity) == ("web-1.default", "")


def test_a_node_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(BadNode):
        mesh().connect(base_pb2.Node(id="who"), None)


@pytest.mark.parametrize(
    "identities",
    [(spiffe("default", "web"),), (spiffe("default", "web", "old.domain"),), ("x", spiffe("default", "web"))],
)
def test_a_proxy_is_who_its_credentials_say(identities: tuple[str, ...]) -> None:
    proxy = mesh().connect(node(), identities)
    assert (proxy.id, proxy.identity) == ("web-1.default", identities[-1])


@pytest.mark.parametrize(
    "identities",
    [
        (),
        (spiffe("default", "other"),),
        (spiffe("other", "web"),),
        (spiffe("default", "web") + "/x",),
        ("spiffe://cluster.local/ns//sa/web",),
        ("web",),
        (f" {spiffe('default', 'web')}",),
    ],
)
def test_credentials_of_somebody_else_are_refused(identities: tuple[str, ...]) -> None:
    with pytest.raises(PermissionDenied, match="matched default/web"):
        mesh().connect(node(), identities)


def test_what_a_node_leaves_open_is_not_compared() -> None:
    proxy = nodes.parse_node(node(SERVICE_ACCOUNT=""), mesh_of(WEB).features)
    assert verify_identity(proxy, (spiffe("other", "web"), spiffe("default", "any"))) == spiffe("default", "any")


def test_the_check_can_be_switched_off() -> None:
    proxy = mesh(check_identity=False).connect(node(), (spiffe("other", "other"),))
    assert (proxy.id, proxy.identity) == ("web-1.default", "")


def test_the_newest_snapshot_answers() -> None:
    served = mesh()
    proxy = served.connect(node(), None)

    def hosts() -> set[str]:
        found = served.resources_for(proxy, CLUSTER, None)
        assert found is not None
        return {name.split("|")[3].partition(".")[0] for name in found if name.startswith("outbound|")}

    assert hosts() == {"web"}
    served.snapshot = mesh_of(WEB + "---" + OTHER)
    assert hosts() == {"web", "other"}


def test_an_unknown_type_is_not_served() -> None:
    served = mesh()
    assert served.resources_for(served.connect(node(), None), TypeUrl("somebody.Thing"), None) is None
