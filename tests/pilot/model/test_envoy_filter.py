"""What EnvoyFilter documents may hold."""

from pilot.model.envoy_filter import ApplyTo, EnvoyFilter, Operation, PatchContext
from pilot.sources.decode import decode_document
from tests.pilot.model.meshes import only

DOCUMENT = """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: lua, namespace: shop}
spec:
  workloadSelector: {labels: {app: web}}
  priority: -5
  configPatches:
  - applyTo: HTTP_FILTER
    match:
      context: SIDECAR_INBOUND
      proxy: {proxyVersion: ^1, metadata: {TEAM: blue}}
      listener: {portNumber: 8080, filterChain: {filter: {name: hcm, subFilter: {name: router}}}}
    patch: {operation: INSERT_BEFORE, filterClass: AUTHZ, value: {name: x, typed_config: null, list: [1, {a: b}]}}
"""


def test_a_patch_is_read_with_its_match_and_its_value_as_it_is() -> None:
    declared = only(DOCUMENT)
    assert isinstance(declared, EnvoyFilter)
    (entry,) = declared.spec.config_patches
    assert (entry.apply_to, declared.spec.priority) == (ApplyTo.HTTP_FILTER, -5)
    assert entry.match is not None
    assert entry.match.context is PatchContext.SIDECAR_INBOUND
    assert entry.patch is not None
    assert entry.patch.operation is Operation.INSERT_BEFORE
    assert entry.patch.value == {"name": "x", "typed_config": None, "list": [1, {"a": "b"}]}


def test_a_match_of_two_kinds_is_a_fault() -> None:
    match = {"listener": {"name": "a"}, "cluster": {"name": "b"}}
    spec = {"configPatches": [{"applyTo": "CLUSTER", "match": match}]}
    (decoded,) = decode_document(
        {
            "apiVersion": "networking.istio.io/v1alpha3",
            "kind": "EnvoyFilter",
            "metadata": {"name": "a", "namespace": "b"},
            "spec": spec,
        }
    )
    assert decoded.object is None
    assert any("at most one of" in each.message for each in decoded.faults)
