"""Parts of dumps; of a whole one by commands in test_proxy_config.py."""

from typing import Any

from pilot.cli import dump_filters, envoy_dump


def cluster(name: str) -> Any:
    return {"cluster": {"name": name}}


def test_clusters_by_the_parts_of_their_names() -> None:
    made = [cluster("outbound|80|v1|a.b"), cluster("outbound|90||a.b"), cluster("inbound|80||"), cluster("xds-grpc")]
    dump = {"configs": [{"@type": "x.ClustersConfigDump", "dynamic_active_clusters": made}, {"@type": "x.Other"}]}

    def names(**wanted: str) -> list[str]:
        return [each["name"] for each in envoy_dump.clusters(dump_filters.clusters(dump, wanted))]

    assert names() == [each["cluster"]["name"] for each in made]
    assert names(fqdn="a.b", port="90") == ["outbound|90||a.b"]
    assert names(direction="inbound") == ["inbound|80||"]
    assert names(fqdn="xds-grpc") == ["xds-grpc"]
    assert names(subset="v2") == []
    assert set(envoy_dump.sections(dump_filters.clusters(dump, {"port": "1"}))) == {"ClustersConfigDump", "Other"}


def test_hosts_of_a_running_envoy() -> None:
    place = {"socket_address": {"address": "10.0.0.1", "port_value": 80}}
    ill = {"address": place, "health_status": {"eds_health_status": "UNHEALTHY"}}
    statuses = {"cluster_statuses": [{"name": "c", "host_statuses": [{"address": place}, ill]}, {"name": "d"}]}
    assert len(envoy_dump.host_rows(dump_filters.hosts(statuses, {"cluster": "c"}))) == 2
    assert len(envoy_dump.host_rows(dump_filters.hosts(statuses, {"status": "unhealthy"}))) == 1
    assert envoy_dump.host_rows(dump_filters.hosts(statuses, {"port": "81"})) == []


def test_listeners_routes_and_endpoints_that_are_not_there() -> None:
    for part in (dump_filters.listeners, dump_filters.routes, dump_filters.endpoints):
        assert part({}, {}) == {"configs": []}
