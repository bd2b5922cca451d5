"""What WasmPlugins are given. Source: xDS behaviour 7.2, appendix A.20."""

from typing import Any

import pytest
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage

from pilot.generators.wasm.configurations import build, json_text
from pilot.model.confidential import Confidential
from pilot.model.wasm_plugins import check
from pilot.view.plugins import Plugins
from pilot.view.proxy import Flavour
from tests.pilot.model.meshes import only

NAME = "extensions.istio.io/wasmplugin/default.p"
ISTIO = Flavour()
STOCK = Flavour(frozenset({"envoy.extensions.filters.http.wasm.v3.Wasm"}))


def served(flavour: Flavour = ISTIO, secret: str = "", generation: int = 0, **spec: Any) -> Any:
    fields = ", ".join(f"{key}: {value}" for key, value in {"url": "oci://r/i:1", **spec}.items())
    plugin = check(
        only(
            f"""
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {{name: p, namespace: default, generation: {generation}}}
spec: {{{fields}}}
"""
        )
    )
    secrets = {NAME: Confidential.parse(secret)} if secret else {}
    (made,) = build(Plugins((plugin,), secrets), flavour, frozenset({NAME, "other"}))
    assert str(made.origins[0]) == "WasmPlugin default/p"
    message = TypedExtensionConfig.FromString(AnyMessage.FromString(made.body).value)
    return json_format.MessageToDict(message)["typedConfig"]


def machine(**spec: Any) -> Any:
    return served(**spec)["config"]["vmConfig"]


def test_only_what_is_asked_for_is_there() -> None:
    assert build(Plugins(), ISTIO, frozenset({NAME})) == ()


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("oci://r/i:1", "oci://r/i:1"),
        ("r.example.com/i@sha256:aa", "oci://r.example.com/i@sha256:aa"),
        ("localhost:5000/i:1", "oci://localhost:5000/i:1"),
        ("https://files/i.wasm", "https://files/i.wasm"),
    ],
)
def test_a_place_without_scheme_is_an_image(url: str, meant: str) -> None:
    assert machine(url=f'"{url}"')["code"] == {"remote": {"httpUri": {"uri": meant, "timeout": "30s", "cluster": "_"}}}


def test_a_file_is_local_and_a_checksum_goes_with_what_is_fetched() -> None:
    assert machine(url="file:///opt/f.wasm")["code"] == {"local": {"filename": "/opt/f.wasm"}}
    assert machine(sha256="abc")["code"]["remote"]["sha256"] == "abc"


@pytest.mark.parametrize(
    ("strategy", "policy"), [("FAIL_CLOSE", "FAIL_CLOSED"), ("FAIL_OPEN", "FAIL_OPEN"), ("FAIL_RELOAD", "FAIL_RELOAD")]
)
def test_the_fail_strategy_is_envoys(strategy: str, policy: str) -> None:
    assert served(failStrategy=strategy)["config"]["failurePolicy"] == policy


def test_the_code_is_told_its_configuration_as_json() -> None:
    made = served(pluginConfig="{b: [x, y], a: 1}", pluginName="root")["config"]
    assert made["configuration"]["value"] == '{"a":1,"b":["x","y"]}'
    assert (made["name"], made["rootId"]) == ("default.p", "root")
    assert served()["config"]["configuration"] == {}
    assert json_text({"ä": 1.5}) == '{"ä":1.5}'
    assert json_text({"a": [1.0, {"b": 1e6}, True]}) == '{"a":[1,{"b":1000000},true]}'


def test_variables_come_from_the_plugin_and_from_the_proxy() -> None:
    env = "{env: [{name: K, value: V}, {name: H, valueFrom: HOST}]}"
    made = machine(vmConfig=env, imagePullPolicy="Always", generation=7)["environmentVariables"]
    assert made == {
        "keyValues": {
            "K": "V",
            "ISTIO_META_WASM_IMAGE_PULL_POLICY": "Always",
            "ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION": "7",
        },
        "hostEnvKeys": ["H"],
    }


def test_another_plugin_has_another_version_where_nobody_counts_generations() -> None:
    def version(**spec: Any) -> str:
        return str(machine(**spec)["environmentVariables"]["keyValues"]["ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION"])

    assert version() == version()
    assert version() != version(pluginName="other")


def test_credentials_of_the_registry_are_there_for_those_who_may_have_them() -> None:
    def pull(**more: Any) -> Any:
        values = machine(imagePullSecret="pull", **more)["environmentVariables"]["keyValues"]
        return values["ISTIO_META_WASM_IMAGE_PULL_SECRET"]

    assert pull(secret="{}") == "{}"
    assert pull() == ""
    assert "ISTIO_META_WASM_IMAGE_PULL_SECRET" not in machine()["environmentVariables"]["keyValues"]


def test_network_plugins_have_the_type_of_network_filters() -> None:
    assert served(type="NETWORK")["@type"].endswith("envoy.extensions.filters.network.wasm.v3.Wasm")
    assert served()["@type"].endswith("envoy.extensions.filters.http.wasm.v3.Wasm")


def test_a_stock_envoy_cannot_fetch_code_and_gets_what_the_fail_strategy_says() -> None:
    closed, opened = served(STOCK), served(STOCK, failStrategy="FAIL_OPEN")
    assert closed["@type"].endswith("envoy.extensions.filters.http.rbac.v3.RBAC")
    assert closed["rules"] == {}
    assert "rules" not in opened
    assert served(STOCK, url="file:///f.wasm")["@type"].endswith("Wasm")
