"""One list of everything that is wrong, and nothing where nothing is."""

from pilot.generators import problems
from tests.pilot.generators.patching.filters_of import envoy_filter, patch
from tests.pilot.model import meshes

GOOD = """
kind: Service
metadata: {name: back, namespace: shop}
spec: {clusterIP: 10.0.0.1, selector: {app: back}, ports: [{name: http, port: 80}]}
---
kind: VirtualService
metadata: {name: good, namespace: shop}
spec: {hosts: [back], http: [{route: [{destination: {host: back}}]}]}
"""
BAD = """
kind: VirtualService
metadata: {name: bad, namespace: shop}
spec:
  hosts: [other]
  http:
  - match: [{uri: {regex: "("}}]
    route: [{destination: {host: back}}]
  - match: [{uri: {prefix: /zero}}]
    route: [{destination: {host: back}, weight: 0}, {destination: {host: back}, weight: 0}]
  - match: [{uri: {prefix: /nowhere}}]
    route: [{destination: {host: nobody}}]
  tcp:
  - route: [{destination: {host: back}, weight: 0}, {destination: {host: back}, weight: 0}]
---
kind: VirtualService
metadata: {name: second, namespace: shop}
spec: {hosts: [back], http: [{route: [{destination: {host: back}}]}]}
---
kind: DestinationRule
metadata: {name: twice, namespace: shop}
spec: {host: back, subsets: [{name: v1}, {name: v1}]}
---
kind: Sidecar
metadata: {name: twice, namespace: shop}
spec: {egress: [{port: {number: 1, protocol: TCP, name: a}, hosts: ["*/*"]},
                {port: {number: 1, protocol: TCP, name: b}, hosts: ["*/*"]}]}
---
kind: VirtualService
metadata: {name: root, namespace: shop}
spec: {hosts: [root], http: [{delegate: {name: missing}}]}
"""


def test_a_good_mesh_has_no_problems() -> None:
    assert problems.find(meshes.mesh_of(GOOD)) == ()


def test_every_problem_is_found_and_says_where_it_is() -> None:
    found = {(str(each.key), each.field) for each in problems.find(meshes.mesh_of(f"{GOOD}---\n{BAD}"))}
    assert found == {
        ("VirtualService shop/bad", "spec.http[0].match[0].uri"),
        ("VirtualService shop/bad", "spec.http[1].route"),
        ("VirtualService shop/bad", "spec.http[2].route[0].destination.host"),
        ("VirtualService shop/bad", "spec.tcp[0].route"),
        ("VirtualService shop/second", "spec.hosts[0]"),
        ("DestinationRule shop/twice", "spec.subsets"),
        ("Sidecar shop/twice", "spec.egress[1].port"),
        ("VirtualService shop/root", "spec.http[0].delegate"),
    }


def test_problems_go_when_their_cause_goes() -> None:
    mesh = meshes.mesh_of(f"{GOOD}---\n{BAD}")
    for kind, name in (("VirtualService", "bad"), ("VirtualService", "second"), ("DestinationRule", "twice"),
                       ("Sidecar", "twice"), ("VirtualService", "root")):  # fmt: skip
        mesh, _ = meshes.remove(mesh, kind, "shop", name)
    assert problems.find(mesh) == ()


def test_a_patch_that_breaks_typing_is_named_with_its_object() -> None:
    broken = envoy_filter(patch("CLUSTER", "REMOVE"), patch("CLUSTER", "ADD", {"name": [1]}))
    (problem,) = problems.find(meshes.mesh_of(broken))
    assert str(problem.key) == "EnvoyFilter istio-system/patches"
    assert problem.field == "spec.configPatches[1].patch.value"
    assert "expected a value of type envoy.config.cluster.v3.Cluster" in problem.message
