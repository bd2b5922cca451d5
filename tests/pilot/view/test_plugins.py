"""The WasmPlugins of a proxy, and who gets credentials of registries."""

import base64
from dataclasses import replace
from typing import Any

from pilot.view import build, node
from pilot.view.plugins import NO_PLUGINS, Plugins
from tests import recordings
from tests.pilot.generators import worlds

PLUGIN = """
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: NAME, namespace: NAMESPACE}
spec: {url: "oci://x", SPEC}
"""
DOCKER = '{"auths": {}}'
SECRET = f"""
apiVersion: v1
kind: Secret
metadata: {{name: pull, namespace: default}}
type: kubernetes.io/dockerconfigjson
data: {{.dockerconfigjson: {base64.b64encode(DOCKER.encode()).decode()}}}
"""


def plugin(name: str, namespace: str = "default", **spec: Any) -> str:
    fields = ", ".join(f"{key}: {value}" for key, value in spec.items())
    return PLUGIN.replace("NAMESPACE", namespace).replace("NAME", name).replace("SPEC", fields)


def plugins(*objects: str, identity: str = "", **metadata: Any) -> Plugins:
    snapshot = recordings.snapshot_of("\n---\n".join(objects))
    proxy = node.parse_node(recordings.node_of(worlds.sidecar(**metadata)), snapshot.features)
    return build.build(snapshot, replace(proxy, identity=identity)).plugins


def names(found: Plugins) -> list[str]:
    return [each.key.name for each in found.ordered]


def test_without_plugins_there_is_nothing() -> None:
    assert plugins() is NO_PLUGINS
    assert plugins(plugin("a", "elsewhere")) is NO_PLUGINS


def test_they_stand_by_priority_then_namespace() -> None:
    found = plugins(plugin("root", "istio-system"), plugin("own"), plugin("high", priority=5))
    assert names(found) == ["high", "own", "root"]


def test_a_selector_chooses_workloads() -> None:
    assert names(plugins(plugin("a", selector="{matchLabels: {app: client}}"))) == ["a"]
    assert not names(plugins(plugin("a", selector="{matchLabels: {app: other}}")))


def test_credentials_of_a_registry_are_for_proxies_that_proved_their_namespace() -> None:
    pulled = plugin("a", imagePullSecret="pull")
    proven = plugins(pulled, SECRET, identity="spiffe://cluster.local/ns/default/sa/client")
    (secret,) = proven.pull_secrets.values()
    assert secret.reveal().decode() == DOCKER
    assert not plugins(pulled, SECRET).pull_secrets
    assert not plugins(pulled, SECRET, identity="spiffe://cluster.local/ns/other/sa/client").pull_secrets
    assert not plugins(pulled, identity="spiffe://cluster.local/ns/default/sa/client").pull_secrets


def test_proxies_with_the_same_plugins_share_them() -> None:
    snapshot = recordings.snapshot_of(plugin("a"))
    first, second = (
        node.parse_node(recordings.node_of(worlds.sidecar(ip=f"10.9.0.{n}")), snapshot.features) for n in (1, 2)
    )
    assert build.build(snapshot, first).plugins is build.build(snapshot, second).plugins
