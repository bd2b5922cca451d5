import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from envoy.config.bootstrap.v3 import bootstrap_pb2
from envoy.extensions.bootstrap.internal_listener.v3 import internal_listener_pb2
from envoy.extensions.resource_monitors.downstream_connections.v3 import downstream_connections_pb2
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
from google.protobuf import json_format

from pilot.agent import bootstrap
from pilot.agent.envoy import LOG_FORMAT
from pilot.agent.options import Address, AgentOptions, Protocol, Statistics
from pilot.generators.envoy import sds as generated
from pilot.view.proxy import Interception, ProxyKind
from tests.pilot.agent.examples import options
from tests.shared import shared_path

EXTENSIONS = (internal_listener_pb2, downstream_connections_pb2, tls_pb2, http_protocol_options_pb2)
"""Imported, so that their types are known where configuration names them."""

SOCKET = Path("/run/p/sds.sock")


def build(given: AgentOptions | None = None) -> dict[str, Any]:
    return bootstrap.build_bootstrap(given or options(), SOCKET, 15021)


def cluster(name: str, found: dict[str, Any]) -> dict[str, Any]:
    return next(each for each in found["static_resources"]["clusters"] if each["name"] == name)


def test_the_node_says_who_the_proxy_is() -> None:
    assert build()["node"] == {
        "id": "sidecar~127.0.0.21~reviews-v1-a.default~default.svc.cluster.local",
        "cluster": "reviews.default",
        "metadata": {
            "NAME": "reviews-v1-a",
            "NAMESPACE": "default",
            "SERVICE_ACCOUNT": "bookinfo-reviews",
            "CLUSTER_ID": "Kubernetes",
            "MESH_ID": "cluster.local",
            "ISTIO_VERSION": "1.29.1",
            "INSTANCE_IPS": "127.0.0.21",
            "LABELS": {"app": "reviews", "version": "v1"},
            "WORKLOAD_NAME": "reviews",
            "APP_CONTAINERS": "reviews",
            "INTERCEPTION_MODE": "NONE",
            "ENVOY_STATUS_PORT": 15021,
        },
    }


def test_a_router_intercepts_nothing() -> None:
    node = build(options(kind=ProxyKind.ROUTER, labels={}, workload="gateway"))["node"]
    assert node["id"].startswith("router~")
    assert node["cluster"] == "gateway.default"
    assert "INTERCEPTION_MODE" not in node["metadata"]


def test_what_is_optional_is_said_where_it_is_given() -> None:
    given = options(
        network="n1", http_proxy_port=15007, interception=Interception.TPROXY, workload="reviews-v1", locality="r/z/s"
    )
    node = build(given)["node"]
    wanted = {"NETWORK": "n1", "HTTP_PROXY_PORT": "15007", "INTERCEPTION_MODE": "TPROXY", "WORKLOAD_NAME": "reviews-v1"}
    assert wanted.items() <= node["metadata"].items()
    assert node["locality"] == {"region": "r", "zone": "z", "sub_zone": "s"}


def test_without_a_status_endpoint_no_port_is_reserved() -> None:
    assert "ENVOY_STATUS_PORT" not in bootstrap.build_metadata(options(), None)


def test_given_metadata_adds_replaces_and_removes() -> None:
    given = options(metadata={"MESH_ID": "m", "PROXY_CONFIG": {"concurrency": 2}, "APP_CONTAINERS": None})
    metadata = bootstrap.build_metadata(given, None)
    assert (metadata["MESH_ID"], metadata["PROXY_CONFIG"]) == ("m", {"concurrency": 2})
    assert "APP_CONTAINERS" not in metadata


def test_the_proxy_config_of_the_mesh_is_not_replaced_unasked() -> None:
    assert "PROXY_CONFIG" not in bootstrap.build_metadata(options(), None)


def test_the_node_names_keys_as_istios_agent_does() -> None:
    recorded = json.loads(shared_path("data", "bootstrap", "istio-1.29.1-sidecar.json").read_text())["node"]["metadata"]
    ours = bootstrap.build_metadata(options(), 15021)
    assert set(ours) <= set(recorded)
    assert {key: type(value) for key, value in ours.items()} == {key: type(recorded[key]) for key in ours}


def test_xds_leads_straight_to_the_control_plane_with_the_workloads_identity() -> None:
    found = cluster("xds-grpc", build(options(discovery=Address("10.0.0.1", 15012))))
    tls = found["transport_socket"]["typed_config"]
    context = tls["common_tls_context"]
    assert found["type"] == "STATIC"
    assert found["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"] == {
        "socket_address": {"address": "10.0.0.1", "port_value": 15012}
    }
    assert tls["sni"] == "istiod.istio-system.svc"
    assert [each["name"] for each in context["tls_certificate_sds_secret_configs"]] == ["default"]
    validation = context["combined_validation_context"]
    assert validation["validation_context_sds_secret_config"]["name"] == "ROOTCA"
    assert validation["default_validation_context"]["match_typed_subject_alt_names"] == [
        {"san_type": "DNS", "matcher": {"exact": "istiod.istio-system.svc"}}
    ]


def test_with_a_readiness_probe_xds_goes_through_the_agent_on_this_machine() -> None:
    probe = {"PROXY_CONFIG": {"readinessProbe": {"tcpSocket": {"port": 80}}}}
    found = cluster("xds-grpc", build(options(metadata=probe)))
    (group,) = found["load_assignment"]["endpoints"]
    assert group["lb_endpoints"] == [{"endpoint": {"address": {"pipe": {"path": str(SOCKET)}}}}]
    assert "transport_socket" not in found


def test_a_control_plane_with_a_name_is_resolved() -> None:
    found = cluster("xds-grpc", build(options(discovery=Address("istiod.istio-system.svc", 15012))))
    assert found["type"] == "STRICT_DNS"


def test_secrets_come_from_the_agents_socket() -> None:
    endpoint = cluster("sds-grpc", build())["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
    assert endpoint["address"] == {"pipe": {"path": "/run/p/sds.sock"}}


@pytest.mark.parametrize(("protocol", "api"), [(Protocol.DELTA, "DELTA_GRPC"), (Protocol.STATE_OF_THE_WORLD, "GRPC")])
def test_both_protocols_can_be_spoken(protocol: Protocol, api: str) -> None:
    assert build(options(protocol=protocol))["dynamic_resources"]["ads_config"]["api_type"] == api


def test_secrets_are_asked_for_as_generated_configuration_does() -> None:
    """Envoy opens a stream for each different way to ask for the same secret."""
    for ours, theirs in (("default", generated.WORKLOAD_CERTIFICATE), ("ROOTCA", generated.WORKLOAD_ROOTS)):
        assert json_format.ParseDict(bootstrap.sds_secret(ours), type(theirs)()) == theirs


def test_few_statistics_by_default_and_all_on_demand() -> None:
    assert "stats_matcher" in build()["stats_config"]
    assert "stats_matcher" not in build(options(statistics=Statistics.ALL))["stats_config"]


@pytest.mark.parametrize("kind", [ProxyKind.SIDECAR, ProxyKind.ROUTER, ProxyKind.WAYPOINT])
def test_every_field_is_one_of_envoys(kind: ProxyKind) -> None:
    parsed = json_format.ParseDict(build(options(kind=kind)), bootstrap_pb2.Bootstrap())
    assert parsed.node.metadata["NAMESPACE"] == "default"


@pytest.mark.live
@pytest.mark.parametrize("protocol", list(Protocol))
@pytest.mark.parametrize("host", ["127.0.0.1", "istiod.istio-system.svc"])
async def test_a_real_envoy_accepts_it_without_a_warning(
    tmp_path: Path, any_envoy: Path, protocol: Protocol, host: str
) -> None:
    statistics = Statistics.ALL if protocol is Protocol.DELTA else Statistics.LEAN
    given = options(protocol=protocol, discovery=Address(host, 15012), locality="r/z", statistics=statistics)
    (tmp_path / "bootstrap.json").write_text(json.dumps(build(given)))
    command = ("--mode", "validate", "-c", str(tmp_path / "bootstrap.json"), "--disable-hot-restart")
    process = await asyncio.create_subprocess_exec(
        *(any_envoy, *command, "--log-level", "warning", "--log-format", LOG_FORMAT),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert (process.returncode, said.decode()) == (0, f"configuration '{tmp_path}/bootstrap.json' OK\n")


def test_a_proxy_config_in_the_metadata_shapes_the_bootstrap() -> None:
    settings = {
        "zipkinAddress": "z:9411",
        "extraStatTags": ["region"],
        "proxyStatsMatcher": {"inclusionPrefixes": ["mine"]},
        "runtimeValues": {"a": "5"},
        "envoyMetricsService": {"address": "m:1"},
    }
    made = build(options(metadata={"PROXY_CONFIG": settings}))
    assert made["tracing"]["http"]["name"] == "envoy.tracers.zipkin"
    assert {"zipkin", "envoy_metrics_service"} <= {each["name"] for each in made["static_resources"]["clusters"]}
    assert made["stats_config"]["stats_tags"][-1]["tag_name"] == "region"
    assert {"prefix": "mine"} in made["stats_config"]["stats_matcher"]["inclusion_list"]["patterns"]
    assert made["layered_runtime"]["layers"][0]["static_layer"]["a"] == 5
    assert [each["name"] for each in made["stats_sinks"]] == ["envoy.stat_sinks.metrics_service"]
    assert not {"tracing", "stats_sinks"} & set(build())
