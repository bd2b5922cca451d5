from typing import Any

from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)
from google.protobuf import json_format

from pilot.generators.envoy.tracing import build_tracing
from pilot.model.features import Features
from pilot.model.proxy_config import CustomTag, LiteralTag, ProxyConfig, SourcedTag, Tracing
from tests.pilot.generators.worlds import TAGS, mesh_config


def tracing(mesh: str = "", **settings: Any) -> Any:
    config = ProxyConfig(tracing=Tracing(**settings)) if settings else ProxyConfig()
    made = build_tracing(TAGS, mesh_config(mesh), config, Features())
    return json_format.MessageToDict(HttpConnectionManager.Tracing.FromString(made)) if made else None


def test_one_percent_is_traced_unless_the_proxy_says_otherwise() -> None:
    assert tracing()["randomSampling"] == {"value": 1.0}
    assert tracing(sampling=42.0)["randomSampling"] == {"value": 42.0}
    assert tracing()["overallSampling"] == {"value": 100.0}


def test_the_mesh_can_turn_tracing_off() -> None:
    assert tracing("enableTracing: false") is None


def test_tags_name_the_workload_after_those_of_dry_runs() -> None:
    tags = tracing()["customTags"]

    assert [each["tag"] for each in tags[4:]] == [
        "istio.canonical_revision", "istio.canonical_service", "istio.cluster_id", "istio.mesh_id", "istio.namespace"
    ]  # fmt: skip
    assert tags[5]["literal"] == {"value": "client"}


def test_tags_of_users_come_last_by_name() -> None:
    own = {
        "z": CustomTag(literal=LiteralTag("v")),
        "b": CustomTag(header=SourcedTag("x-b", "none")),
        "a": CustomTag(environment=SourcedTag("A")),
    }
    made = tracing(custom_tags=own, enable_istio_tags=False, max_path_tag_length=99)

    assert made["customTags"] == [
        {"tag": "a", "environment": {"name": "A"}},
        {"tag": "b", "requestHeader": {"name": "x-b", "defaultValue": "none"}},
        {"tag": "z", "literal": {"value": "v"}},
    ]
    assert made["maxPathTagLength"] == 99
