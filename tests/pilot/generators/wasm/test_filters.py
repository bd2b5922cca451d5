"""Where the filters of WasmPlugins stand. Source: xDS behaviour 4.5, 7.2."""

from typing import Any

import pytest
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter

from pilot.generators.envoy.http_filters import NOTHING, Side, Slot
from pilot.generators.wasm.filters import guarded, network_filters, stand_in, wasm_type, with_plugins
from pilot.model.wasm_plugins import CheckedPlugin, check
from tests.pilot.generators import worlds
from tests.pilot.model.meshes import only

HTTP_WASM = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"


def document(name: str = "p", **spec: Any) -> str:
    fields = ", ".join(f"{key}: {value}" for key, value in spec.items())
    return f"""
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {{name: {name}, namespace: default}}
spec: {{url: "oci://x", {fields}}}
"""


def plugin(name: str = "p", **spec: Any) -> CheckedPlugin:
    return check(only(document(name, **spec)))


def slots(*plugins: CheckedPlugin, side: Side = Side.INBOUND, port: int = 80) -> dict[str, list[str]]:
    found = with_plugins(NOTHING, plugins, side, port)
    return {slot.name: [each.name.rpartition(".")[2] for each in filters] for slot, filters in found.items()}


def test_each_phase_has_its_slot_and_order_within_it_stays() -> None:
    made = slots(plugin("b", phase="AUTHN"), plugin("a", phase="AUTHN"), plugin("c", phase="STATS"), plugin("d"))
    assert made == {"WASM_AUTHENTICATION": ["b", "a"], "WASM_STATS": ["c"], "WASM_UNSPECIFIED": ["d"]}


def test_without_plugins_the_same_filters_stay() -> None:
    assert with_plugins(NOTHING, (), Side.INBOUND, 80) is NOTHING
    assert with_plugins(NOTHING, (plugin(match="[{mode: CLIENT}]"),), Side.INBOUND, 80) is NOTHING


def test_filters_of_others_stay_beside_them() -> None:
    base = {Slot.JWT: ()}
    assert set(with_plugins(base, (plugin(),), Side.INBOUND, 80)) == {Slot.JWT, Slot.WASM_UNSPECIFIED}


@pytest.mark.parametrize(
    ("match", "side", "port", "means"),
    [
        ("[]", Side.INBOUND, 0, True),
        ("[{mode: SERVER}]", Side.INBOUND, 80, True),
        ("[{mode: SERVER}]", Side.GATEWAY, 80, False),
        ("[{mode: CLIENT}]", Side.GATEWAY, 80, True),
        ("[{mode: CLIENT}]", Side.OUTBOUND, 80, True),
        ("[{mode: CLIENT_AND_SERVER, ports: [{number: 80}]}]", Side.OUTBOUND, 80, True),
        ("[{ports: [{number: 80}, {number: 81}]}]", Side.INBOUND, 81, True),
        ("[{ports: [{number: 80}]}]", Side.INBOUND, 0, False),
        ("[{ports: [{number: 80}]}, {mode: SERVER}]", Side.INBOUND, 9, True),
    ],
)
def test_mode_and_ports_choose_traffic(match: str, side: Side, port: int, means: bool) -> None:
    assert bool(slots(plugin(match=match), side=side, port=port)) is means


def test_a_filter_asks_for_its_configuration_and_takes_what_stands_in() -> None:
    ((made,),) = with_plugins(NOTHING, (plugin(),), Side.INBOUND, 80).values()
    parsed = HttpFilter.FromString(made.body)
    assert parsed.name == "extensions.istio.io/wasmplugin/default.p"
    assert list(parsed.config_discovery.type_urls) == [
        HTTP_WASM, "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"
    ]  # fmt: skip
    assert not parsed.config_discovery.HasField("default_config")


def test_one_that_keeps_somebody_out_is_required() -> None:
    def is_required(**spec: Any) -> bool:
        ((made,),) = with_plugins(NOTHING, (plugin(**spec),), Side.INBOUND, 80).values()
        return made.required

    assert is_required(phase="AUTHN")
    assert not is_required(phase="AUTHN", failStrategy="FAIL_OPEN")
    assert not is_required(phase="STATS")


def network(name: str, phase: str) -> CheckedPlugin:
    return plugin(name, type="NETWORK", phase=phase)


def test_network_plugins_stand_by_phase_around_the_policies() -> None:
    plugins = (network("d", "UNSPECIFIED_PHASE"), network("c", "STATS"), network("b", "AUTHZ"), network("a", "AUTHN"))
    (asks, enforced) = network_filters((network("asks", "AUTHN"), network("enforced", "AUTHZ")), Side.INBOUND, 80)
    made = guarded(plugins, Side.INBOUND, 80, (asks,), (enforced,))
    assert [each.name.rpartition(".")[2] for each in made] == ["asks", "a", "b", "enforced", "c", "d"]
    assert wasm_type(plugins[0]) == "type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm"
    assert not slots(*plugins)


def test_network_plugins_stand_in_every_chain_but_those_for_unknown_destinations() -> None:
    objects = f"{worlds.REVIEWS}---{worlds.DATABASE}---{document(type='NETWORK')}"
    made = worlds.listeners_of(worlds.view(objects))
    name = "extensions.istio.io/wasmplugin/default.p"
    assert worlds.filters_of(made["0.0.0.0_80"]["filterChains"][0])[0] == name
    assert worlds.filters_of(made["10.0.0.2_5432"]["filterChains"][0])[0] == name
    assert name not in worlds.filters_of(made["0.0.0.0_80"]["defaultFilterChain"])
    for chain in made["virtualOutbound"]["filterChains"]:
        assert name not in worlds.filters_of(chain)
    inbound = {each["name"]: worlds.filters_of(each) for each in made["virtualInbound"]["filterChains"]}
    assert name not in inbound["virtualInbound-blackhole"]
    assert inbound["virtualInbound"][:2] == ["istio.metadata_exchange", name]


def test_what_stands_in_lets_everything_through_or_nothing() -> None:
    assert stand_in(plugin(failStrategy="FAIL_OPEN")) == rbac_pb2.RBAC()
    closed = stand_in(plugin())
    assert closed.HasField("rules")
    assert not closed.rules.policies
