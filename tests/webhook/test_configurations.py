"""Webhook configurations equal those that the real installer makes, and what is there is found in them."""

from typing import Any

import pytest
import yaml

from tests.shared import shared_path
from webhook import configurations
from webhook.configurations import Endpoint, Tag

SERVICE = Endpoint()


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "revision", "by_default"),
    [("default", "default", False), ("nsdefault", "default", True), ("canary", "canary", False)],
)
def test_injection_equals_the_recorded_one(name: str, revision: str, by_default: bool) -> None:
    path = shared_path("aux", "inject-decision", "webhook-configurations", f"{name}.yaml")
    recorded = next(yaml.safe_load_all(path.read_text()))
    endpoint = configurations.revision_endpoint(revision, SERVICE)
    made = configurations.build_injection(revision, endpoint, by_default=by_default)
    assert made["webhooks"] == recorded["webhooks"]
    assert made["metadata"]["name"] == recorded["metadata"]["name"]
    assert made["metadata"]["labels"].items() <= recorded["metadata"]["labels"].items()


def test_names_say_what_is_not_usual() -> None:
    assert configurations.object_name("a", "default", "istio-system") == "a"
    assert configurations.object_name("a", "canary", "mesh") == "a-canary-mesh"
    assert configurations.build_tag("prod", "canary", {}, namespace="mesh")["metadata"]["name"] == (
        "istio-revision-tag-prod-mesh"
    )


def test_an_external_control_plane_is_called_by_url() -> None:
    endpoint = Endpoint(url="https://mesh.example:15017/", ca_bundle="x", injection_path="/inject/cluster/c/net/n")
    injection = configurations.build_injection("default", endpoint)
    assert injection["webhooks"][0]["clientConfig"] == {
        "url": "https://mesh.example:15017/inject/cluster/c/net/n", "caBundle": "x",
    }  # fmt: skip
    validation = configurations.build_validation("default", endpoint)
    assert validation["webhooks"][0]["clientConfig"]["url"] == "https://mesh.example:15017/validate"


def test_validation_asks_for_objects_of_its_revision() -> None:
    made = configurations.build_validation("canary", SERVICE, failure_policy="Fail")
    assert made["metadata"]["name"] == "istio-validator-canary-istio-system"
    (webhook,) = made["webhooks"]
    assert webhook["objectSelector"]["matchExpressions"] == [
        {"key": "istio.io/rev", "operator": "In", "values": ["canary"]}
    ]
    assert webhook["failurePolicy"] == "Fail"
    assert configurations.build_validation("", SERVICE)["metadata"]["name"] == "istio-validator-istio-system"


def test_a_tag_is_asked_for_by_its_own_name_and_answered_by_its_revision() -> None:
    client = {"service": {"name": "istiod-canary"}}
    made = configurations.build_tag("prod", "canary", client)
    assert configurations.find_tags([made]) == (Tag("prod", "canary", "istio-revision-tag-prod"),)
    assert [each["name"].partition(".sidecar")[0] for each in made["webhooks"]] == ["rev.namespace", "rev.object"]
    assert all(each["clientConfig"] == client for each in made["webhooks"])
    assert made["webhooks"][0]["namespaceSelector"]["matchExpressions"][0]["values"] == ["prod"]


def test_the_tag_default_takes_over_who_asks_for_no_revision() -> None:
    canary = configurations.build_tag("default", "canary", {})
    default = configurations.build_injection("default", SERVICE)
    quiet = configurations.without_default(default)
    assert len(canary["webhooks"]) == 4
    selectors = [each["objectSelector"] for each in quiet["webhooks"]]
    assert selectors[:2] == [each["objectSelector"] for each in default["webhooks"][:2]]
    assert selectors[2:] == [{"matchLabels": {"istio.io/deactivated": "never-match"}}] * 2


def test_the_default_revision_is_found() -> None:
    validator = configurations.build_default_validation("default", SERVICE)
    tag = configurations.build_tag("default", "canary", {})
    assert configurations.find_default_revision([tag], [validator]) == "canary"
    assert configurations.find_default_revision([], [validator]) == "default"
    assert configurations.find_default_revision([], []) is None


def test_a_revision_and_where_it_is_are_found() -> None:
    canary = configurations.build_injection("canary", SERVICE)
    tag = configurations.build_tag("prod", "canary", {})
    assert configurations.find_revision([tag, canary], "canary") is canary
    assert configurations.find_revision([tag], "canary") is None
    assert configurations.injection_client(canary) == SERVICE.client_config("/inject")
    assert configurations.injection_client({"webhooks": [{"name": "other"}]}) is None


def test_namespaces_that_ask_are_found() -> None:
    def namespace(name: str, **labels: str) -> dict[str, Any]:
        return {"metadata": {"name": name, "labels": {key.replace("_", "-"): value for key, value in labels.items()}}}

    asking = {"metadata": {"name": "a", "labels": {"istio.io/rev": "prod"}}}
    overruled = {"metadata": {"name": "b", "labels": {"istio.io/rev": "prod", "istio-injection": "disabled"}}}
    enabled = namespace("c", istio_injection="enabled")
    assert configurations.used_by("prod", [asking, overruled, enabled]) == ("a",)
    assert configurations.used_by("default", [asking, overruled, enabled]) == ("c",)
