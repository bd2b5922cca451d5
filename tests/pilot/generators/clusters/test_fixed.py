from typing import Any

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from google.protobuf.any_pb2 import Any as AnyMessage

from pilot.generators.clusters import fixed
from pilot.resources import Resource
from pilot.view.proxy import IpMode
from tests.pilot.generators.samples import STOCK, as_json, context, traits


def built(made: Resource) -> Any:
    message = as_json(Cluster.FromString(AnyMessage.FromString(made.body).value))
    assert message["name"] == made.name
    return message


def test_the_black_hole_has_no_endpoint() -> None:
    assert built(fixed.black_hole(context())) == {
        "name": "BlackHoleCluster",
        "altStatName": "BlackHoleCluster;",
        "type": "STATIC",
        "connectTimeout": "10s",
    }


def test_traffic_passes_through_to_where_it_was_sent() -> None:
    out, into = built(fixed.passthrough(context())), built(fixed.inbound_passthrough(context()))

    assert (out["type"], out["lbPolicy"]) == (into["type"], into["lbPolicy"]) == ("ORIGINAL_DST", "CLUSTER_PROVIDED")
    assert out["filters"]
    assert "filters" not in into
    assert "filters" not in built(fixed.passthrough(context(flavour=STOCK)))
    assert into["altStatName"] == "PassthroughCluster;"
    assert into["upstreamBindConfig"] == {"sourceAddress": {"address": "127.0.0.6", "portValue": 0}}


@pytest.mark.parametrize(("mode", "source", "more"), [(IpMode.V6, "::6", []), (IpMode.DUAL, "127.0.0.6", ["::6"])])
def test_the_source_address_is_of_the_proxys_family(mode: IpMode, source: str, more: list[str]) -> None:
    made = built(fixed.inbound_passthrough(context(ip_mode=mode)))["upstreamBindConfig"]

    assert made["sourceAddress"]["address"] == source
    assert [each["address"]["address"] for each in made.get("extraSourceAddresses", [])] == more


def test_tunnels_go_to_the_waypoint_of_an_endpoint() -> None:
    made = built(fixed.connect_originate(context(), traits()))

    assert made["originalDstLbConfig"] == {
        "upstreamPortOverride": 15008,
        "metadataKey": {"key": "envoy.filters.listener.original_dst", "path": [{"key": "waypoint"}]},
    }
    assert (made["cleanupInterval"], made["transportSocket"]["name"]) == ("60s", "tls")
    assert "commonLbConfig" not in made


def test_what_comes_out_of_a_tunnel_goes_to_an_internal_listener() -> None:
    made = built(fixed.main_internal(context()))
    address = made["loadAssignment"]["endpoints"][0]["lbEndpoints"][0]["endpoint"]["address"]

    assert address == {"envoyInternalAddress": {"serverListenerName": "main_internal"}}
    assert made["transportSocket"]["name"] == "internal_upstream"
    assert made["transportSocket"]["typedConfig"]["transportSocket"]["name"] == "raw_buffer"
    assert "connectTimeout" not in made


def test_secrets_of_the_workload_come_from_its_socket() -> None:
    made = built(fixed.external_secrets(context()))
    address = made["loadAssignment"]["endpoints"][0]["lbEndpoints"][0]["endpoint"]["address"]

    assert made["name"] == "sds-external"
    assert address == {"pipe": {"path": "./var/run/secrets/credential-uds/socket"}}


def test_one_context_has_one_of_each() -> None:
    where = context()

    assert fixed.passthrough(where) is fixed.passthrough(where)
    assert fixed.connect_originate(where, traits()) is fixed.connect_originate(where, traits())
