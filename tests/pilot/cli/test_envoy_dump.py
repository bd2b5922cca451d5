"""Rows out of dumps, of Envoy's spelling and of ours."""

from typing import Any

import pytest

from pilot.cli import envoy_dump

TYPE = "type.googleapis.com/envoy.admin.v3."
HCM = {"@type": "type.googleapis.com/x.HttpConnectionManager"}
TCP = {"@type": "type.googleapis.com/x.TcpProxy"}


LOCALITY = {"region": "us", "zone": "east"}


def dump(kind: str, **fields: Any) -> Any:
    return {"configs": [{"@type": f"{TYPE}{kind}", **fields}]}


def test_a_cluster_is_taken_apart() -> None:
    config = {"config": "/apis/networking.istio.io/v1alpha3/namespaces/shop/destination-rule/web"}
    made = {"name": "outbound|80|v1|web.shop", "type": "EDS", "metadata": {"filter_metadata": {"istio": config}}}
    assert envoy_dump.cluster_rows(
        dump(
            "ClustersConfigDump",
            dynamic_active_clusters=[{"cluster": made}],
            static_clusters=[{"cluster": {"name": "x"}}],
        )
    ) == [("web.shop", "80", "v1", "outbound", "EDS", "web.shop"), ("x", "-", "-", "-", "STATIC", "")]


def test_both_spellings_are_understood() -> None:
    made = {"name": "inbound|80||", "clusterType": {"name": "envoy.x"}}
    rows = envoy_dump.cluster_rows(dump("ClustersConfigDump", dynamicActiveClusters=[{"cluster": made}]))
    assert rows == [("", "80", "-", "inbound", "envoy.x", "")]


@pytest.mark.parametrize(
    ("match", "text"),
    [
        ({}, "ALL"),
        ({"server_names": ["a", "b"], "transport_protocol": "tls"}, "SNI: a,b; Trans: tls"),
        ({"transport_protocol": "tls", "application_protocols": ["h2"]}, "Trans: tls; App: h2"),
        ({"prefix_ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 8}]}, "Addr: 10.0.0.0/8"),
        ({"prefix_ranges": [{"address_prefix": "::1"}], "destination_port": 90}, "Addr: ::1/0:90"),
        ({"destination_port": 80}, "Addr: *:80"),
    ],
)  # fmt: skip
def test_what_a_chain_matches(match: Any, text: str) -> None:
    listener = {"address": {"socket_address": {"address": "0.0.0.0", "port_value": 15006}}}
    chain = {"filter_chain_match": match, "filters": [{"typed_config": {**TCP, "cluster": "c"}}]}
    entry = {"active_state": {"listener": {**listener, "filter_chains": [chain]}}}
    (row,) = envoy_dump.listener_rows(dump("ListenersConfigDump", dynamic_listeners=[entry]))
    assert row == ("0.0.0.0", "15006", text, "Cluster: c")


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({**HCM, "rds": {"route_config_name": "80"}}, "Route: 80"),
        ({**HCM, "route_config": {"virtual_hosts": [{"routes": [{"match": {"prefix": "/"}}]}]}}, "Inline Route: /*"),
        ({**TCP, "cluster": "PassthroughCluster"}, "PassthroughCluster"),
        ({**TCP, "weighted_clusters": {"clusters": [{"name": "a"}, {"name": "b"}]}}, "Cluster: a, b"),
        ({}, "Non-HTTP/Non-TCP"),
    ],
)
def test_where_a_chain_leads(config: Any, text: str) -> None:
    listener = {"default_filter_chain": {"filters": [{"typed_config": config}]}, "address": {"pipe": {"path": "/s"}}}
    (row,) = envoy_dump.listener_rows(dump("ListenersConfigDump", static_listeners=[{"listener": listener}]))
    assert (row[0], row[3]) == ("unix:///s", text)


def test_routes_with_their_origin() -> None:
    config = {"config": "/apis/networking.istio.io/v1/namespaces/shop/virtual-service/web"}
    routes = [
        {"match": {"path": "/a"}, "metadata": {"filter_metadata": {"istio": config}}},
        {"match": {"safe_regex": {"regex": ".*"}}},
        {"match": {"path_separated_prefix": "/b"}},
    ]
    hosts = [{"name": "h:80", "domains": ["a", "b", "c"], "routes": routes}, {"name": "none", "domains": ["*"]}]
    table = {"route_config": {"name": "80", "virtual_hosts": hosts}}
    assert envoy_dump.route_rows(dump("RoutesConfigDump", dynamic_route_configs=[table])) == [
        ("80", "h:80", "a, b + 1 more...", "/a", "web.shop"),
        ("80", "h:80", "a, b + 1 more...", "regex .*", ""),
        ("80", "h:80", "a, b + 1 more...", "PathPrefix:/b", ""),
        ("80", "none", "*", "", "404"),
    ]


def test_endpoints_of_a_dump_and_of_a_running_envoy() -> None:
    place = {"socket_address": {"address": "10.0.0.1", "port_value": 80}}
    assignment = {
        "cluster_name": "c",
        "endpoints": [{"locality": LOCALITY, "lb_endpoints": [{"endpoint": {"address": place}}]}],
    }
    made = dump("EndpointsConfigDump", dynamic_endpoint_configs=[{"endpoint_config": assignment}])
    assert envoy_dump.endpoint_rows(made) == [("10.0.0.1:80", "HEALTHY", "us/east", "c")]
    health = {"eds_health_status": "UNHEALTHY", "failed_outlier_check": True}
    status = {"cluster_statuses": [{"name": "c", "host_statuses": [{"address": place, "health_status": health}]}]}
    assert envoy_dump.host_rows(status) == [("10.0.0.1:80", "UNHEALTHY", "FAILED", "c")]


def test_filters_over_ecds() -> None:
    made = dump("EcdsConfigDump", ecds_filters=[{"ecds_filter": {"name": "a", "typed_config": {"@type": "t"}}}])
    assert envoy_dump.extension_rows(made) == [("a", "t")]


@pytest.mark.parametrize(
    ("configs", "kind"),
    [([HCM], "HTTP"), ([TCP], "TCP"), ([HCM, TCP], "HTTP+TCP"), ([], "UNKNOWN"), ([{"@type": "x.Echo"}], "UNKNOWN")],
)
def test_what_a_listener_takes(configs: list[Any], kind: str) -> None:
    chains = [{"filters": [{"typed_config": each}]} for each in configs]
    listener = {"address": {"socket_address": {"address": "::", "port_value": 80}}, "filter_chains": chains}
    made = dump("ListenersConfigDump", static_listeners=[{"listener": listener}])
    assert envoy_dump.short_listener_rows(made) == [("::", "80", kind)]


def test_tables_of_routes_in_short() -> None:
    table = {"route_config": {"name": "80", "virtual_hosts": [{}, {}]}}
    assert envoy_dump.short_route_rows(dump("RoutesConfigDump", static_route_configs=[table])) == [("80", "2")]


def test_an_empty_dump_has_no_rows() -> None:
    for rows in (envoy_dump.cluster_rows, envoy_dump.listener_rows, envoy_dump.route_rows, envoy_dump.endpoint_rows):
        assert rows({}) == []
