from pilot.analysis.store import containers, covers, overlap
from tests.pilot.analysis.worlds import FRUIT, MESHED, POD, world

ENTRY = """
{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: e, namespace: shop},
 spec: {hosts: ["*.wide.test", "*"], ports: [{number: 443, name: tls, protocol: TLS}]}}
"""


def test_namespaces_that_objects_are_in_exist() -> None:
    assert set(world(FRUIT).namespaces) == {"shop", "default"}


def test_hosts_are_found_short_in_full_and_by_wildcard() -> None:
    mesh = world(FRUIT, ENTRY)
    assert mesh.host("fruit", "shop") is mesh.host("fruit.shop.svc.cluster.local", "far")
    assert mesh.host("fruit", "far") is None
    wide = mesh.host("a.wide.test", "far")
    assert wide is not None
    assert wide.ports == (443,)
    assert mesh.host("anything.test", "far") is None  # nobody may have every host


def test_a_proxy_or_the_namespace_makes_a_member_of_the_mesh() -> None:
    bare = POD.replace(', {name: istio-proxy, image: "hub/proxyv2:1"}', "")
    out = bare.replace("{app: fruit}", '{app: fruit, sidecar.istio.io/inject: "false"}')
    for texts, expected in (((POD,), True), ((bare,), False), ((MESHED, bare), True), ((MESHED, out), False)):
        mesh = world(*texts)
        assert mesh.in_mesh(mesh.of("Pod")[0]) is expected, texts


def test_the_injector_is_that_of_the_revision() -> None:
    text = """
{apiVersion: v1, kind: ConfigMap, metadata: {name: istio-sidecar-injector-canary, namespace: istio-system},
 data: {values: "{global: {hub: h}}"}}
"""
    assert world(text).injector_of("canary") == {"global": {"hub": "h"}}
    assert world(text).injector == {}
    assert world(text.replace("{global: {hub: h}}", "{")).injector_of("canary") == {}


def test_wildcards_cover_what_is_below_them() -> None:
    assert covers("*.a.test", "x.a.test")
    assert not covers("*.a.test", "a.test")
    assert overlap("x.a.test", "*.test")
    assert not overlap("*.a.test", "*.b.test")


def test_containers_that_are_started_first_count() -> None:
    assert [
        each["name"]
        for each in containers({"spec": {"initContainers": [{"name": "a"}], "containers": [{"name": "b"}]}})
    ] == ["a", "b"]
