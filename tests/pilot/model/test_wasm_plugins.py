"""The order of WasmPlugins."""

from pilot.model.wasm_plugins import CheckedPlugin, check, in_order
from tests.pilot.model.meshes import only


def plugin(name: str, namespace: str = "shop", priority: str = "") -> CheckedPlugin:
    return check(
        only(
            f"""
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{url: "oci://x", {priority}}}
"""
        )
    )


def test_the_highest_priority_stands_first_and_none_last() -> None:
    found = [plugin("none"), plugin("low", priority="priority: -1"), plugin("high", priority="priority: 9")]
    assert [each.key.name for each in in_order(found, ("shop", "istio-system"))] == ["high", "low", "none"]


def test_of_one_priority_those_of_the_workloads_namespace_stand_first() -> None:
    found = [plugin("root", "istio-system"), plugin("own")]
    assert [each.key.name for each in in_order(found, ("shop", "istio-system"))] == ["own", "root"]


def test_a_plugin_is_asked_for_by_namespace_and_name() -> None:
    assert plugin("auth").resource_name == "extensions.istio.io/wasmplugin/shop.auth"
    assert str(plugin("auth").origin) == "WasmPlugin shop/auth"
