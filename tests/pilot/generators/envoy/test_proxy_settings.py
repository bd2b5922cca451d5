from pilot.generators.envoy.proxy_settings import proxy_config
from pilot.model.proxy_config import Tracing
from tests.pilot.generators.worlds import mesh_config

MESH = mesh_config("defaultConfig: {concurrency: 4, tracing: {sampling: 9}}")


def test_a_node_that_says_nothing_gets_the_mesh_default() -> None:
    assert proxy_config(MESH, {}) is MESH.default_config


def test_what_a_node_says_replaces_the_default_whole() -> None:
    made = proxy_config(MESH, {"tracing": {"sampling": 7}})

    assert made.tracing == Tracing(sampling=7.0)
    assert made.concurrency is None


def test_equal_settings_are_the_same_object() -> None:
    assert proxy_config(MESH, {"concurrency": 2}) is proxy_config(MESH, {"concurrency": 2})


def test_a_field_of_a_newer_agent_counts_as_not_given() -> None:
    made = proxy_config(MESH, {"concurrency": 2, "invented": {"a": 1}, "drainDuration": "soon"})

    assert made.concurrency == 2
    assert made.drain_duration.total_seconds() == 45
