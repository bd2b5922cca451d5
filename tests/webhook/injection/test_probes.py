"""Probes by way of the agent."""

import json
from typing import Any

import pytest

from webhook.injection import probes


def pod(*containers: dict[str, Any], **annotations: str) -> dict[str, Any]:
    proxy = {"name": "istio-proxy", "readinessProbe": {"httpGet": {"path": "/own", "port": 15021}}}
    return {"metadata": {"annotations": annotations}, "spec": {"containers": [*containers, proxy]}}


def environment(found: dict[str, Any]) -> Any:
    values = [
        each["value"] for each in found["spec"]["containers"][-1].get("env", []) if each["name"] == probes.ENVIRONMENT
    ]
    return json.loads(values[0]) if values else None


def test_probes_and_hooks_point_at_the_agent() -> None:
    found = pod(
        {
            "name": "app",
            "ports": [{"name": "web", "containerPort": 8080}],
            "readinessProbe": {"httpGet": {"path": "/r", "port": "web", "scheme": "HTTPS"}, "timeoutSeconds": 3},
            "livenessProbe": {"tcpSocket": {"port": 9}},
            "startupProbe": {"grpc": {"port": 7}},
            "lifecycle": {
                "preStop": {"httpGet": {"path": "/bye", "port": 8080}},
                "postStart": {"exec": {"command": ["x"]}},
            },
        }
    )
    probes.rewrite(found, 15020, injected_before=False)
    app, proxy = found["spec"]["containers"]
    assert app["readinessProbe"] == {
        "timeoutSeconds": 3, "httpGet": {"path": "/app-health/app/readyz", "port": 15020, "scheme": "HTTP"},
    }  # fmt: skip
    assert app["livenessProbe"] == {"httpGet": {"path": "/app-health/app/livez", "port": 15020}}
    assert app["startupProbe"] == {"httpGet": {"path": "/app-health/app/startupz", "port": 15020}}
    assert app["lifecycle"]["preStop"] == {"httpGet": {"path": "/app-lifecycle/app/prestopz", "port": 15020}}
    assert app["lifecycle"]["postStart"] == {"exec": {"command": ["x"]}}
    assert proxy["readinessProbe"] == {"httpGet": {"path": "/own", "port": 15021}}
    assert environment(found) == {
        "/app-health/app/livez": {"tcpSocket": {"port": 9}},
        "/app-health/app/readyz": {"httpGet": {"path": "/r", "port": 8080, "scheme": "HTTPS"}, "timeoutSeconds": 3},
        "/app-health/app/startupz": {"grpc": {"port": 7, "service": None}},
        "/app-lifecycle/app/prestopz": {"httpGet": {"path": "/bye", "port": 8080}},
    }


def test_the_annotation_names_another_port() -> None:
    found = pod({"name": "a", "livenessProbe": {"httpGet": {"port": 1}}}, **{"status.sidecar.istio.io/port": "16000"})
    probes.rewrite(found, 15020, injected_before=False)
    assert found["spec"]["containers"][0]["livenessProbe"]["httpGet"]["port"] == 16000


@pytest.mark.parametrize("port", ["nowhere", 15020])
def test_what_the_agent_cannot_do_is_left_out(port: object) -> None:
    found = pod({"name": "a", "livenessProbe": {"httpGet": {"port": port}}})
    probes.rewrite(found, 15020, injected_before=False)
    assert environment(found) is None


def test_a_second_injection_keeps_what_the_first_found() -> None:
    found = pod({"name": "a", "livenessProbe": {"httpGet": {"path": "/new", "port": 1}}})
    old = {"/app-health/a/livez": {"httpGet": {"path": "/old", "port": 1}}}
    found["spec"]["containers"][-1]["env"] = [{"name": probes.ENVIRONMENT, "value": json.dumps(old)}]
    probes.rewrite(found, 15020, injected_before=True)
    assert environment(found) == old


def test_a_pod_without_a_proxy_stays() -> None:
    found = {"metadata": {}, "spec": {"containers": [{"name": "a", "livenessProbe": {"httpGet": {"port": 1}}}]}}
    before = json.dumps(found)
    probes.rewrite(found, 15020, injected_before=False)
    assert json.dumps(found) == before


@pytest.mark.parametrize(
    ("annotations", "values", "wanted"),
    [
        ({}, {"sidecarInjectorWebhook": {"rewriteAppHTTPProbe": True}}, True),
        ({}, {}, False),
        (
            {"sidecar.istio.io/rewriteAppHTTPProbers": "false"},
            {"sidecarInjectorWebhook": {"rewriteAppHTTPProbe": True}},
            False,
        ),
        ({"sidecar.istio.io/rewriteAppHTTPProbers": "true"}, {}, True),
    ],
)
def test_who_says_whether(annotations: dict[str, str], values: dict[str, Any], wanted: bool) -> None:
    assert probes.wants_rewrite(annotations, values) is wanted
