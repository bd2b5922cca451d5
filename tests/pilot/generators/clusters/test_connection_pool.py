from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions

from pilot.generators.clusters import connection_pool
from pilot.generators.envoy.http_protocol import KEY, Codec, HttpProtocol, extension_options
from pilot.model.duration import Duration
from pilot.model.mesh import MeshConfig, MeshH2UpgradePolicy
from pilot.model.service import PortProtocol
from pilot.model.traffic_policy import (
    ConnectionPoolSettings,
    H2UpgradePolicy,
    HTTPSettings,
    RetryBudget,
    TcpKeepalive,
    TCPSettings,
)
from tests.pilot.generators.samples import as_json

MESH = MeshConfig()
UPGRADING = msgspec.structs.replace(MESH, h2_upgrade_policy=MeshH2UpgradePolicy.UPGRADE)
UNLIMITED = 4294967295


def pool(*, tcp: dict[str, Any] | None = None, http: dict[str, Any] | None = None) -> ConnectionPoolSettings:
    return ConnectionPoolSettings(
        tcp=None if tcp is None else TCPSettings(**tcp), http=None if http is None else HTTPSettings(**http)
    )


def thresholds(settings: ConnectionPoolSettings | None, budget: RetryBudget | None = None) -> Any:
    return as_json(connection_pool.circuit_breakers(settings, budget))["thresholds"][0]


def test_the_rules_connect_timeout_comes_before_the_meshs() -> None:
    assert connection_pool.connect_timeout(None, MESH) == timedelta(seconds=10)
    assert connection_pool.connect_timeout(pool(tcp={"connect_timeout": Duration(seconds=1)}), MESH) == timedelta(
        seconds=1
    )


def test_what_is_not_limited_is_said_to_be_unlimited() -> None:
    assert thresholds(None) == {
        "maxConnections": UNLIMITED,
        "maxPendingRequests": UNLIMITED,
        "maxRequests": UNLIMITED,
        "maxRetries": UNLIMITED,
    }


def test_limits_of_the_rule_are_kept_and_negative_ones_are_none() -> None:
    limited = pool(
        tcp={"max_connections": 1},
        http={"http1_max_pending_requests": 2, "http2_max_requests": 3, "max_retries": -1},
    )

    assert thresholds(limited) == {
        "maxConnections": 1,
        "maxPendingRequests": 2,
        "maxRequests": 3,
        "maxRetries": UNLIMITED,
    }


def test_a_retry_budget_has_istiods_defaults_and_leaves_shared_limits_alone() -> None:
    assert thresholds(None, RetryBudget())["retryBudget"] == {"budgetPercent": {"value": 0.2}, "minRetryConcurrency": 3}
    assert thresholds(None, RetryBudget(percent=33.5, min_retry_concurrency=7))["retryBudget"] == {
        "budgetPercent": {"value": 33.5},
        "minRetryConcurrency": 7,
    }
    assert "retryBudget" not in thresholds(None)


@pytest.mark.parametrize(
    ("protocol", "sniffs", "preserve", "codec"),
    [
        (PortProtocol.HTTP, True, False, Codec.UNSET),
        (PortProtocol.HTTP, True, True, Codec.HTTP1),
        (PortProtocol.GRPC, True, True, Codec.HTTP2),
        (PortProtocol.UNKNOWN, True, False, Codec.DOWNSTREAM),
        (PortProtocol.UNKNOWN, False, False, Codec.UNSET),
        (PortProtocol.TCP, True, True, Codec.UNSET),
    ],
)
def test_the_port_says_what_it_speaks(protocol: PortProtocol, sniffs: bool, preserve: bool, codec: Codec) -> None:
    assert connection_pool.port_codec(protocol, sniffs=sniffs, preserve_case=preserve) is codec


def test_the_mesh_upgrades_http_ports_only() -> None:
    assert connection_pool.upgraded(Codec.UNSET, PortProtocol.HTTP, None, UPGRADING) is Codec.HTTP2
    assert connection_pool.upgraded(Codec.UNSET, PortProtocol.HTTP_PROXY, None, UPGRADING) is Codec.HTTP2
    assert connection_pool.upgraded(Codec.UNSET, PortProtocol.TCP, None, UPGRADING) is Codec.UNSET
    assert connection_pool.upgraded(Codec.UNSET, PortProtocol.HTTP, None, MESH) is Codec.UNSET


def test_a_rule_upgrades_or_keeps_from_upgrading() -> None:
    upgrade = pool(http={"h2_upgrade_policy": H2UpgradePolicy.UPGRADE})
    keep = pool(http={"h2_upgrade_policy": H2UpgradePolicy.DO_NOT_UPGRADE})
    client = pool(http={"h2_upgrade_policy": H2UpgradePolicy.UPGRADE, "use_client_protocol": True})

    assert connection_pool.upgraded(Codec.UNSET, PortProtocol.TCP, upgrade, MESH) is Codec.HTTP2
    assert connection_pool.upgraded(Codec.UNSET, PortProtocol.HTTP, keep, UPGRADING) is Codec.UNSET
    assert connection_pool.upgraded(Codec.UNSET, PortProtocol.HTTP, client, UPGRADING) is Codec.UNSET
    assert connection_pool.upgraded(Codec.DOWNSTREAM, PortProtocol.HTTP, upgrade, MESH) is Codec.DOWNSTREAM


def test_the_http_idle_timeout_comes_before_that_of_tcp() -> None:
    both = pool(tcp={"idle_timeout": Duration(seconds=9)}, http={"idle_timeout": Duration()})
    tcp = pool(tcp={"idle_timeout": Duration(seconds=9)}, http={})

    assert connection_pool.http_protocol(Codec.UNSET, both).idle_timeout == timedelta()
    assert connection_pool.http_protocol(Codec.UNSET, tcp).idle_timeout == timedelta(seconds=9)
    assert connection_pool.http_protocol(Codec.UNSET, None).idle_timeout is None


def test_streams_are_limited_in_explicit_http2_only() -> None:
    limited = pool(http={"max_concurrent_streams": 5})
    client = pool(http={"max_concurrent_streams": 5, "use_client_protocol": True})

    def said(made: HttpProtocol) -> str:
        options = extension_options(made)
        assert options is not None
        return str(HttpProtocolOptions.FromString(options[KEY].value))

    assert "max_concurrent_streams" in said(connection_pool.http_protocol(Codec.HTTP2, limited))
    plain = said(connection_pool.http_protocol(Codec.UNSET, limited))
    assert "max_concurrent_streams" not in plain
    assert "explicit_http_config" in plain
    made = connection_pool.http_protocol(Codec.HTTP2, client)
    assert made.codec is Codec.DOWNSTREAM
    assert "max_concurrent_streams" not in said(made)


def test_the_case_of_headers_matters_in_http1_only() -> None:
    assert not connection_pool.http_protocol(Codec.HTTP2, None, preserve_case=True).preserve_case
    assert connection_pool.http_protocol(Codec.DOWNSTREAM, None, preserve_case=True).preserve_case
    assert replace(connection_pool.http_protocol(Codec.UNSET, None, preserve_case=True), codec=Codec.UNSET) == (
        connection_pool.http_protocol(Codec.UNSET, None)
    )


def test_keepalive_joins_the_rules_parts_with_the_meshs() -> None:
    mesh = msgspec.structs.replace(MESH, tcp_keepalive=TcpKeepalive(probes=9, time=Duration(minutes=10)))
    own = pool(tcp={"tcp_keepalive": TcpKeepalive(probes=5, interval=Duration(seconds=75))})

    assert connection_pool.keepalive(None, MESH) is None
    assert as_json(connection_pool.keepalive(own, mesh)) == {
        "tcpKeepalive": {"keepaliveProbes": 5, "keepaliveTime": 600, "keepaliveInterval": 75}
    }
