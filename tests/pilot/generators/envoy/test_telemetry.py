from pilot.generators.envoy.telemetry import has_stats, stats_filter
from tests.pilot.generators.worlds import mesh_config


def test_statistics_are_made_where_a_default_provider_is_prometheus() -> None:
    assert has_stats(mesh_config("defaultProviders: {metrics: [prometheus]}"))
    assert not has_stats(mesh_config("defaultProviders: {metrics: [stackdriver, nowhere]}"))
    assert not has_stats(mesh_config())


def test_servers_do_not_believe_the_host_header() -> None:
    assert stats_filter(outbound=True).body != stats_filter(outbound=False).body
