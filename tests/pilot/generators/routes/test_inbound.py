from envoy.config.route.v3.route_pb2 import RouteConfiguration
from google.protobuf import json_format

from pilot.generators.routes.inbound import build_inbound_routes


def test_everything_goes_to_the_workload_without_a_time_limit() -> None:
    made = json_format.MessageToDict(
        RouteConfiguration.FromString(build_inbound_routes("inbound|8080||", 80, "a.b", True))
    )
    (host,) = made["virtualHosts"]
    (route,) = host["routes"]

    assert (made["name"], made["validateClusters"]) == ("inbound|8080||", False)
    assert (host["name"], host["domains"]) == ("inbound|http|80", ["*"])
    assert route["decorator"] == {"operation": "a.b:80/*"}
    assert route["route"] == {
        "cluster": "inbound|8080||",
        "timeout": "0s",
        "maxStreamDuration": {"maxStreamDuration": "0s", "grpcTimeoutHeaderMax": "0s"},
        "retryPolicy": {"retryOn": "reset-before-request", "numRetries": 2},
    }


def test_grpc_clients_retry_themselves() -> None:
    made = RouteConfiguration.FromString(build_inbound_routes("inbound|8080||", 80, "a.b", False))

    assert not made.virtual_hosts[0].routes[0].route.HasField("retry_policy")
