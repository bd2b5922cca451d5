"""The mesh, and what holds for one pod's proxy."""

from typing import Any

import pytest

from webhook.injection.errors import ConfigurationError
from webhook.injection.mesh import (
    Mesh,
    effective_proxy_config,
    merge_proxy_config,
    parse_mesh,
    parse_proxy_config,
    without_defaults,
)


def resource(namespace: str, selector: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    found = {"selector": {"matchLabels": selector}} if selector else {}
    return {"metadata": {"name": "p", "namespace": namespace}, "spec": {**found, **spec}}


def test_defaults_are_filled_in() -> None:
    mesh = parse_mesh("defaultConfig: {concurrency: 3}\ntrustDomain: td\nnever: heard\n")
    assert mesh.settings["trustDomain"] == "td"
    assert mesh.settings["proxyListenPort"] == 15001
    assert mesh.proxy_config["statusPort"] == 15020
    assert without_defaults(mesh.proxy_config) == {"concurrency": 3}
    assert parse_mesh("") == Mesh()


@pytest.mark.parametrize("text", ["a: [", "[]", "trustDomain: 3", "defaultConfig: 5"])
def test_a_malformed_mesh_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="mesh configuration"):
        parse_mesh(text)


def test_metadata_are_merged_and_other_fields_replaced() -> None:
    base = {"proxyMetadata": {"A": "1", "B": "1"}, "tracing": {"sampling": 1.0}}
    merged = merge_proxy_config(base, {"proxyMetadata": {"B": "2"}, "tracing": {"zipkin": {}}})
    assert merged == {"proxyMetadata": {"A": "1", "B": "2"}, "tracing": {"zipkin": {}}}


def test_resources_and_the_annotation_come_in_their_order() -> None:
    resources = (
        resource("istio-system", concurrency=1, environmentVariables={"R": "1"}),
        resource("ns", concurrency=2, image={"imageType": "debug"}),
        resource("other", concurrency=9),
        resource("ns", {"app": "a"}, environmentVariables={"W": "1"}),
        resource("ns", {"app": "b"}, concurrency=8),
    )
    metadata = {"labels": {"app": "a"}, "annotations": {"proxy.istio.io/config": "concurrency: 5"}}
    config = without_defaults(effective_proxy_config(Mesh(), "ns", metadata, resources))
    assert config == {"concurrency": 5, "proxyMetadata": {"R": "1", "W": "1"}, "image": {"imageType": "debug"}}


@pytest.mark.parametrize("text", ["statusPort: 70000", "concurrency: -1", "a: [", "drainDuration: x", "- 1"])
def test_a_malformed_annotation_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_proxy_config(text)


def test_unknown_fields_of_the_annotation_are_ignored() -> None:
    assert parse_proxy_config("notAField: 1") == {}


def test_zeros_that_are_written_win_over_defaults() -> None:
    mesh = parse_mesh("defaultConfig: {interceptionMode: TPROXY}\nenableTracing: false")
    metadata = {"annotations": {"proxy.istio.io/config": "{interceptionMode: REDIRECT, statusPort: 0}"}}
    config = effective_proxy_config(mesh, "ns", metadata, ())
    assert (config["interceptionMode"], config["statusPort"]) == ("REDIRECT", 0)
    assert without_defaults(config) == {}
    assert mesh.settings["enableTracing"] is False
