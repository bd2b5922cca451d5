from typing import Any

import pytest
from envoy.config.core.v3 import base_pb2

from pilot.model.features import Features
from pilot.view.node import NO_VERSION, NodeAddressError, NodeIdError, parse_node, parse_version
from pilot.view.proxy import ClientFiles, Interception, IpMode, ProxyKind

AMBIENT = Features(ambient=True, sending_hbone=True, sidecar_hbone=True)


def node(node_id: str = "sidecar~10.0.0.1~web-0.app~app.svc.cluster.local", **metadata: object) -> Any:
    made = base_pb2.Node(id=node_id, cluster="web.app")
    made.metadata.update(metadata)
    return made


def test_an_id_names_kind_address_pod_and_domain() -> None:
    proxy = parse_node(node(), Features())
    assert proxy.id == "web-0.app"
    assert proxy.ip_addresses == ("10.0.0.1",)
    assert proxy.node_cluster == "web.app"
    assert proxy.traits.kind is ProxyKind.SIDECAR
    assert proxy.traits.domain == "app.svc.cluster.local"
    assert proxy.traits.namespace == "app"
    assert proxy.istio_version == NO_VERSION


@pytest.mark.parametrize("node_id", ["", "sidecar~10.0.0.1~x", "sidecar~10.0.0.1~a~b~c", "agent~10.0.0.1~x~y"])
def test_a_malformed_id_is_refused_by_name(node_id: str) -> None:
    with pytest.raises(NodeIdError, match="node id"):
        parse_node(node(node_id), Features())


def test_a_node_without_any_address_is_refused() -> None:
    with pytest.raises(NodeAddressError, match="INSTANCE_IPS"):
        parse_node(node("sidecar~x~web-0.app~app.svc", INSTANCE_IPS="10.0.0.1,nonsense"), Features())


def test_instance_ips_win_when_all_are_addresses() -> None:
    proxy = parse_node(node(INSTANCE_IPS="10.1.1.1,2001:db8::1"), Features())
    assert proxy.ip_addresses == ("10.1.1.1", "2001:db8::1")
    assert proxy.traits.ip_mode is IpMode.DUAL
    assert parse_node(node(INSTANCE_IPS="10.1.1.1,oops"), Features()).ip_addresses == ("10.0.0.1",)
    assert parse_node(node(INSTANCE_IPS="2001:db8::1"), Features()).traits.ip_mode is IpMode.V6


def test_the_config_namespace_comes_from_metadata_else_from_the_domain() -> None:
    assert parse_node(node(NAMESPACE="other"), Features()).traits.namespace == "other"
    assert parse_node(node("sidecar~10.0.0.1~x~local"), Features()).traits.namespace == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.29.1", (1, 29, 1)),
        ("1.29", (1, 29, 65535)),
        ("release-1.28-alpha", (1, 28, 65535)),
        ("", NO_VERSION),
        ("latest", NO_VERSION),
    ],
)
def test_versions(text: str, expected: tuple[int, int, int]) -> None:
    assert parse_version(text) == expected


def test_metadata_becomes_traits() -> None:
    traits = parse_node(
        node(
            CLUSTER_ID="c1",
            NETWORK="n1",
            INTERCEPTION_MODE="TPROXY",
            HTTP10="1",
            HTTP_PROXY_PORT=15007,
            IDLE_TIMEOUT="5s",
            UNPRIVILEGED_POD="true",
            ENVOY_STATUS_PORT="15099",
            ENVOY_PROMETHEUS_PORT="not a port",
            TLS_CLIENT_CERT_CHAIN="/c",
            TLS_CLIENT_KEY="/k",
            TLS_CLIENT_ROOT_CERT="/r",
            REQUESTED_NETWORK_VIEW="n1, n2",
            GENERATOR="grpc",
            credential="true",
            INBOUND_LISTENER_EXACT_BALANCE=True,
        ),
        Features(),
    ).traits
    assert (traits.cluster_id, traits.network) == ("c1", "n1")
    assert traits.interception is Interception.TPROXY
    assert traits.http10
    assert traits.unprivileged
    assert traits.is_grpc
    assert traits.http_proxy_port == 15007
    assert (traits.status_port, traits.prometheus_port) == (15099, 15090)
    assert traits.client_files == ClientFiles("/c", "/k", "/r")
    assert traits.server_files == ClientFiles()
    assert traits.requested_networks == {"n1", "n2"}
    assert traits.credential_socket
    assert not traits.file_credential_socket
    assert traits.inbound_exact_balance
    assert not traits.outbound_exact_balance


def test_unknown_interception_means_redirect() -> None:
    assert parse_node(node(INTERCEPTION_MODE="magic"), Features()).traits.interception is Interception.REDIRECT


def test_addresses_are_auto_allocated_for_who_captures_dns() -> None:
    assert not parse_node(node(), Features()).traits.dns_auto_allocate
    assert parse_node(node(DNS_CAPTURE="true"), Features()).traits.dns_auto_allocate
    off = Features(ip_autoallocate=False)
    assert not parse_node(node(DNS_CAPTURE="true"), off).traits.dns_auto_allocate
    assert parse_node(node(DNS_CAPTURE="true", DNS_AUTO_ALLOCATE="true"), off).traits.dns_auto_allocate
    assert parse_node(node("waypoint~10.0.0.1~w.app~app.svc"), Features()).traits.dns_auto_allocate


def test_tunnelling_needs_the_feature_and_the_nodes_consent() -> None:
    assert not parse_node(node(ENABLE_HBONE="true"), Features()).traits.listens_hbone
    assert parse_node(node(ENABLE_HBONE="true"), AMBIENT).traits.listens_hbone
    assert not parse_node(node(), AMBIENT).traits.listens_hbone
    assert parse_node(node(), AMBIENT).traits.sends_hbone
    assert not parse_node(node(DISABLE_HBONE_SEND="true"), AMBIENT).traits.sends_hbone


def test_replicas_share_their_traits() -> None:
    one = parse_node(node("sidecar~10.0.0.1~web-0.app~app.svc.cluster.local", LABELS={"a": "1"}), Features())
    other = parse_node(node("sidecar~10.0.0.2~web-1.app~app.svc.cluster.local", LABELS={"a": "2"}), Features())
    assert one.traits is other.traits
    assert one.labels == {"a": "1"}


def test_labels_and_config_keep_only_what_fits() -> None:
    proxy = parse_node(
        node(LABELS={"a": "1", "n": 2}, STATIC_LABELS="no", ANNOTATIONS={"x": "y"}, PROXY_CONFIG={"concurrency": 2}),
        Features(),
    )
    assert proxy.labels == {"a": "1"}
    assert proxy.static_labels == {}
    assert proxy.annotations == {"x": "y"}
    assert proxy.proxy_config == {"concurrency": 2}
    assert proxy.raw_metadata["LABELS"] == {"a": "1", "n": 2}


def test_pod_ports_are_json_in_a_string() -> None:
    ports = '[{"name": "http", "containerPort": 8080, "protocol": "TCP"}, {"containerPort": 90}, {"name": "x"}, 3]'
    assert parse_node(node(POD_PORTS=ports), Features()).pod_ports == (("http", 8080), ("", 90))
    assert parse_node(node(POD_PORTS="{broken"), Features()).pod_ports == ()
    assert parse_node(node(POD_PORTS="{}"), Features()).pod_ports == ()
    assert parse_node(node(POD_PORTS=[{"name": "a", "containerPort": 1}]), Features()).pod_ports == (("a", 1),)


def test_locality_of_the_node_drops_missing_parts() -> None:
    made = node()
    made.locality.region = "r"
    made.locality.zone = "z"
    assert parse_node(made, Features()).locality == "r/z"


def test_without_extensions_it_is_istios_envoy() -> None:
    flavour = parse_node(node(), Features()).traits.flavour
    assert not flavour.is_stock
    assert flavour.has("anything")
    assert flavour.envoy_version == (0, 0, 0)


def test_a_list_of_extensions_makes_a_stock_envoy() -> None:
    made = node()
    made.user_agent_build_version.version.major_number = 1
    made.user_agent_build_version.version.minor_number = 36
    made.user_agent_build_version.version.patch = 2
    made.extensions.add(name="envoy.filters.http.router", type_urls=["envoy.extensions.filters.http.router.v3.Router"])
    made.extensions.add(name="off", type_urls=["type.googleapis.com/x.Off"], disabled=True)
    flavour = parse_node(made, Features()).traits.flavour
    assert flavour.is_stock
    assert flavour.envoy_version == (1, 36, 2)
    assert flavour.has("type.googleapis.com/envoy.extensions.filters.http.router.v3.Router")
    assert not flavour.has("x.Off")
    assert flavour.names == {"envoy.filters.http.router"}
    assert parse_node(made, Features()).traits.flavour is flavour


def test_values_of_other_types_are_ignored() -> None:
    proxy = parse_node(node(NETWORK=None, CLUSTER_ID=["x"], MESH_ID=1.5), Features())
    assert proxy.traits.network == ""
    assert proxy.traits.cluster_id == ""
    assert proxy.mesh_id == "1.5"


def test_a_cluster_is_known_by_its_alias_too() -> None:
    features = Features(cluster_aliases=(("old", "new"),))
    for said, meant in (("old", "new"), ("new", "new"), ("other", "other")):
        assert parse_node(node(CLUSTER_ID=said), features).traits.cluster_id == meant
