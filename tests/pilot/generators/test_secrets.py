"""SDS: which names are answered, with what."""

import json
from dataclasses import replace
from typing import Any

from envoy.config.core.v3.base_pb2 import Node
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret as EnvoySecret
from google.protobuf.any_pb2 import Any as AnyMessage

from istio_api import cryptomb_pb2
from pilot.model.features import Features
from pilot.model.snapshot import Snapshot
from pilot.pipeline import resources_for
from pilot.resources import ResourceSet
from pilot.type_urls import SECRET
from pilot.view.node import parse_node
from pilot.view.proxy import Proxy
from tests.pilot.model.meshes import edit, mesh_of
from tests.pilot.model.pems import pair, revocations, secret, tls_secret

CHAIN, KEY = pair("a")
REVOKED = revocations()
DENIED = """
---
{kind: RoleBinding, metadata: {name: b, namespace: web}, roleRef: {kind: Role, name: r}, subjects: []}
"""


def gateway(identity: str = "spiffe://cluster.local/ns/web/sa/gw", **metadata: Any) -> Proxy:
    """A gateway proxy of namespace web."""
    node = Node(id="router~10.0.0.1~gw-0.web~web.svc.cluster.local")
    node.metadata.update({"NAMESPACE": "web", **metadata})
    return replace(parse_node(node, Features()), identity=identity)


def served(snapshot: Snapshot, *names: str, proxy: Proxy | None = None) -> ResourceSet | None:
    """The answer to a request for these names."""
    return resources_for(snapshot, proxy or gateway(), SECRET, frozenset(names))


def message(found: ResourceSet | None, name: str) -> Any:
    """A secret of the answer."""
    assert found is not None
    packed = AnyMessage.FromString(found[name].body)
    return EnvoySecret.FromString(packed.value)


def test_a_certificate_of_the_own_namespace() -> None:
    mesh = mesh_of(tls_secret("web", "cert"))
    found = served(mesh, "kubernetes://cert", "kubernetes://web/cert", "kubernetes://missing", "invalid://cert")
    assert found is not None
    assert set(found) == {"kubernetes://cert", "kubernetes://web/cert"}
    made = message(found, "kubernetes://cert")
    assert made.name == "kubernetes://cert"
    assert made.tls_certificate.certificate_chain.inline_bytes == CHAIN.encode()
    assert made.tls_certificate.private_key.inline_bytes == KEY.encode()
    assert str(found["kubernetes://cert"].origins[0]) == "Secret web/cert"
    assert KEY[40:60] not in repr(found["kubernetes://cert"])


def test_nobody_gets_what_is_not_his() -> None:
    mesh = mesh_of(tls_secret("web", "cert") + tls_secret("other", "cert"))
    assert served(mesh, "kubernetes://cert", proxy=gateway("")) is None
    assert served(mesh, "kubernetes://other/cert") is None
    assert served(mesh, "kubernetes-gateway://web/cert") is None
    assert served(mesh, "kubernetes://cert", proxy=gateway("spiffe://cluster.local/ns/third/sa/gw")) is None


def test_roots_need_no_right_to_list() -> None:
    mesh = mesh_of(secret("web", "cert", tls_crt=CHAIN, tls_key=KEY, ca_crt=CHAIN, ca_crl=REVOKED) + DENIED)
    found = served(mesh, "kubernetes://cert", "kubernetes://cert-cacert")
    assert found is not None
    assert set(found) == {"kubernetes://cert-cacert"}
    made = message(found, "kubernetes://cert-cacert").validation_context
    assert (made.trusted_ca.inline_bytes, made.crl.inline_bytes) == (CHAIN.encode(), REVOKED.encode())


def test_roots_of_their_own_secret_come_first() -> None:
    other = pair("b")[0]
    mesh = mesh_of(secret("web", "cert", cacert=CHAIN) + secret("web", "cert-cacert", cacert=other))
    made = message(served(mesh, "kubernetes://cert-cacert"), "kubernetes://cert-cacert")
    assert made.validation_context.trusted_ca.inline_bytes == other.encode()


def test_config_maps_of_any_namespace_hold_roots() -> None:
    shown = json.dumps({"kind": "ConfigMap", "metadata": {"name": "ca", "namespace": "x"}, "data": {"ca.crt": CHAIN}})
    mesh = mesh_of(shown)
    found = served(mesh, "configmap://x/ca-cacert", "configmap://x/ca", "configmap://x/no", "configmap://y/ca")
    assert found is not None
    assert set(found) == {"configmap://x/ca-cacert", "configmap://x/ca"}


def test_a_bad_certificate_does_not_cost_its_neighbours() -> None:
    mesh = mesh_of(tls_secret("web", "good") + secret("web", "bad", tls_crt=CHAIN, tls_key="?"))
    found = served(mesh, "kubernetes://good", "kubernetes://bad")
    assert found is not None
    assert set(found) == {"kubernetes://good"}


def test_a_renewed_certificate_changes_its_own_resource_only() -> None:
    names = ("kubernetes://one", "kubernetes://two")
    before = mesh_of(tls_secret("web", "one") + tls_secret("web", "two"))
    after, _ = edit(before, tls_secret("web", "one", "b"))
    old, new = served(before, *names), served(after, *names)
    assert old is not None
    assert new is not None
    assert old["kubernetes://one"].version != new["kubernetes://one"].version
    assert old["kubernetes://two"] is new["kubernetes://two"]


def test_keys_go_to_the_hardware_where_the_proxy_has_it() -> None:
    mesh = mesh_of(tls_secret("web", "cert"))
    for kind in ("cryptomb", "qat"):
        settings = {"privateKeyProvider": {kind: {"pollDelay": "10ms", "fallback": True}}}
        found = served(mesh, "kubernetes://cert", proxy=gateway(PROXY_CONFIG=settings))
        made = message(found, "kubernetes://cert").tls_certificate
        assert not made.HasField("private_key")
        assert (made.private_key_provider.provider_name, made.private_key_provider.fallback) == (kind, True)
        assert kind in made.private_key_provider.typed_config.type_url
        method = cryptomb_pb2.CryptoMbPrivateKeyMethodConfig.FromString(made.private_key_provider.typed_config.value)
        assert KEY.encode() in method.private_key
        assert method.poll_delay.nanos == 10_000_000


def test_the_generator_is_silent_where_there_is_nothing() -> None:
    assert served(mesh_of(""), "kubernetes://cert") is None
