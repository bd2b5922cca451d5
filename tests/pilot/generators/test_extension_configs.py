"""Extension configurations of EnvoyFilters and WasmPlugins."""

from pilot.generators.extension_configs import build
from tests.pilot.generators.patching.filters_of import envoy_filter, lua, patch, view

PLUGIN = """
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: auth, namespace: default}
spec: {url: "oci://images.example.com/auth:1"}
"""
NAME = "extensions.istio.io/wasmplugin/default.auth"


def test_only_names_that_somebody_asks_for_are_answered() -> None:
    seen = view(envoy_filter(patch("EXTENSION_CONFIG", "ADD", lua("x"))), PLUGIN)
    assert list(build(seen, frozenset({"x", NAME, "nobody"}))) == ["x", NAME]
    assert list(build(seen, frozenset({NAME}))) == [NAME]
    assert not build(seen, frozenset())
