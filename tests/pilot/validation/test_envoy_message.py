"""JSON that is, or is not, one of Envoy's messages."""

import pytest

from pilot.validation import envoy_message

LUA = {"@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua"}


def test_types_of_packages_that_nobody_loaded_are_known() -> None:
    assert list(envoy_message.unknown_types({"a": [{"typed_config": LUA}]})) == []


@pytest.mark.parametrize("name", ["no.such.Type", "envoy.config.filter.http.router.v2.Router", "os.path", "envoy.X"])
def test_other_types_are_not(name: str) -> None:
    assert list(envoy_message.unknown_types([{"@type": f"x/{name}"}])) == [f"x/{name}"]


def test_unknown_fields_and_wrong_values_are_told_apart() -> None:
    kind = "envoy.config.cluster.v3.Cluster"
    assert envoy_message.value_faults(kind, {"connect_timeout": "1s"}) == (None, None)
    wrong, strange = envoy_message.value_faults(kind, {"not_a_field": 1})
    assert wrong is None
    assert strange is not None
    assert "not_a_field" in strange
    wrong, strange = envoy_message.value_faults(kind, {"connect_timeout": "soon"})
    assert wrong is not None
    assert strange is None


def test_every_value_of_a_patch_has_its_message() -> None:
    assert all(envoy_message.message_class(name) is not None for name in envoy_message.KINDS.values())
