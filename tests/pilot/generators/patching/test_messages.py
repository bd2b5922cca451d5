"""JSON of patches as Envoy messages."""

from typing import Any

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from google.protobuf.any_pb2 import Any as AnyMessage

from pilot.generators.patching.messages import configuration_type, find_message, parse_message, unpack
from tests.pilot.generators.patching.filters_of import LUA, lua


def test_a_type_is_found_by_its_package() -> None:
    found = find_message(LUA)
    assert found is not None
    assert found.DESCRIPTOR.full_name == LUA.removeprefix("type.googleapis.com/")
    assert find_message("type.googleapis.com/stats.PluginConfig") is not None


def test_nothing_else_is_imported_for_a_type() -> None:
    for name in ("os.path.X", "envoy.extensions.nobody.v3.Thing", "envoy.config", "x", "envoy..X", "pilot.app.X"):
        assert find_message(name) is None


def test_a_value_is_read_by_either_spelling() -> None:
    one, fault = parse_message(Cluster, {"name": "a", "connect_timeout": "5s"})
    other, _ = parse_message(Cluster, {"name": "a", "connectTimeout": "5s"})
    assert one == other
    assert not fault


def test_unknown_fields_are_left_out_and_named() -> None:
    found, fault = parse_message(Cluster, {"name": "a", "nonsense": 1})
    assert found == Cluster(name="a")
    assert "nonsense" in fault


def test_a_value_of_the_wrong_type_is_no_message() -> None:
    found, fault = parse_message(Cluster, {"name": {"a": 1}})
    assert found is None
    assert fault


def test_a_type_that_nobody_knows_travels_as_a_typed_struct() -> None:
    url = "type.googleapis.com/envoy.extensions.filters.http.golang.v3alpha.Config"
    found, fault = parse_message(HttpFilter, {"name": "go", "typed_config": {"@type": url, "library_id": "x"}})
    assert not fault
    assert found is not None
    assert found.typed_config.type_url.endswith("TypedStruct")
    assert configuration_type(found.typed_config) == url
    inside = unpack(found.typed_config)
    assert inside is not None
    assert inside.value["library_id"] == "x"


def test_what_cannot_be_unpacked_is_nothing() -> None:
    assert unpack(AnyMessage(type_url="x/nobody.Knows")) is None
    assert unpack(AnyMessage(type_url=LUA, value=b"\xff\xff")) is None
    found, _ = parse_message(HttpFilter, lua("a"))
    assert found is not None
    assert configuration_type(found.typed_config) == LUA


def test_no_value_is_more_than_a_fault() -> None:
    deep: dict[str, Any] = {}
    within = deep
    for _ in range(3000):
        within["typed_config"] = {}
        within = within["typed_config"]
    odd: list[Any] = [5, "a", [], {}, {"@type": 5}, {"@type": ""}, {"@type": LUA, "default_source_code": 5}, deep]
    odd += [{"@type": "type.googleapis.com/google.protobuf.Duration", "value": "zz"}, {"@type": "nobody.X", "a": deep}]
    for each in odd:
        parse_message(HttpFilter, {"typed_config": each})
    found, fault = parse_message(HttpFilter, deep)
    assert found is None
    assert "nested" in fault
