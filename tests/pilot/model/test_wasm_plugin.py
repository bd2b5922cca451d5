"""What WasmPlugin documents may hold."""

from pilot.model.telemetry import WorkloadMode
from pilot.model.wasm_plugin import EnvValueSource, FailStrategy, PluginPhase, TrafficMode
from tests.pilot.model.meshes import only

DOCUMENT = """
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: auth, namespace: shop}
spec:
  url: oci://images.example.com/auth:1
  phase: AUTHN
  failStrategy: FAIL_OPEN
  pluginConfig: {a: [1, {b: c}]}
  vmConfig: {env: [{name: K, value: V}, {name: H, valueFrom: HOST}]}
  match: [{mode: SERVER, ports: [{number: 80}]}]
"""


def test_every_part_is_read() -> None:
    spec = only(DOCUMENT).spec
    assert (spec.phase, spec.fail_strategy, spec.priority) == (PluginPhase.AUTHN, FailStrategy.FAIL_OPEN, None)
    assert spec.plugin_config == {"a": [1, {"b": "c"}]}
    assert [each.value_from for each in spec.vm_config.env] == [EnvValueSource.INLINE, EnvValueSource.HOST]
    assert spec.match[0].ports[0].number == 80


def test_traffic_of_no_side_in_particular_is_all_traffic() -> None:
    assert TrafficMode.UNDEFINED.covers(WorkloadMode.CLIENT)
    assert TrafficMode.CLIENT_AND_SERVER.covers(WorkloadMode.SERVER)
    assert TrafficMode.CLIENT.covers(WorkloadMode.CLIENT)
    assert not TrafficMode.CLIENT.covers(WorkloadMode.SERVER)
