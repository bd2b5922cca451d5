"""Templates meet a pod."""

from typing import Any

import pytest

from webhook.injection.configuration import InjectorConfig, parse_templates
from webhook.injection.errors import InjectionError, TemplateMissingError
from webhook.injection.mesh import Mesh
from webhook.injection.owner import Owner
from webhook.injection.render import Subject, parse_overlay, run_templates, select_templates

POD: dict[str, Any] = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c"}]}}


def subject(**more: Any) -> Subject:
    mesh = Mesh()
    known: dict[str, Any] = {
        "owner": Owner("apps/v1", "Deployment", "d", "ns"),
        "values": {"v": 1.0},
        "proxy_config": mesh.proxy_config,
    }
    known |= {"mesh": mesh.settings, "revision": "r", "native_sidecar": False, "proxy_image": "i"}
    return Subject(**(known | more))


def run(
    texts: dict[str, str], annotations: dict[str, str] | None = None, **more: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    config = InjectorConfig(templates=parse_templates(texts), default_templates=("t",), aliases={"all": ("t", "u")})
    pod = {**POD, "metadata": {**POD["metadata"], "annotations": annotations or {}}}
    return run_templates(pod, pod, config, subject(**more))


def test_what_templates_are_told() -> None:
    text = (
        "metadata: {labels: {x: '{{ .TypeMeta.Kind }}/{{ .DeploymentMeta.Name }}/{{ .DeploymentMeta.Namespace }}/"
        "{{ .Values.v }}/"
        "{{ .Revision }}/{{ .ProxyImage }}/{{ .ProxyUID }}/{{ .NativeSidecars }}/{{ .InboundTrafficPolicyMode }}/"
        "{{ .MeshConfig.ProxyListenPort }}/{{ .ObjectMeta.Labels.app }}/{{ len .Spec.Containers }}/"
        "{{ .CompliancePolicy }}'}}"
    )
    merged, made = run({"t": text})
    assert merged["metadata"]["labels"]["x"] == "Deployment/d/ns/1/r/i/1337/false/passthrough/15001/a/1/"
    assert made == {"metadata": {"labels": {"x": merged["metadata"]["labels"]["x"]}}}


def test_templates_are_laid_over_from_left_to_right() -> None:
    merged, _ = run(
        {"t": "metadata: {labels: {x: t, z: t}}", "u": "metadata: {labels: {x: u}}"},
        {"inject.istio.io/templates": "all"},
    )
    assert merged["metadata"]["labels"] == {"app": "a", "x": "u", "z": "t"}


def test_a_template_that_makes_nothing_changes_nothing() -> None:
    merged, made = run({"t": "{{/* nothing */}}"})
    assert (merged["spec"], made) == (POD["spec"], {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ fail `no` }}", "template 't': template: inject:1:3: .* error calling fail: no"),
        ("a: [", "template 't': no YAML"),
        ("- 1", "template 't': expected an object, got list"),
        ("spec: {containers: [{name: 1}]}", "expected text, got 1"),
        ("{{ range 10000000 }}{{ end }}", "steps"),
    ],
)
def test_a_template_that_fails_is_named(text: str, message: str) -> None:
    with pytest.raises(InjectionError, match=message):
        run({"t": text})


def test_an_unknown_template_is_told_with_the_known_ones() -> None:
    with pytest.raises(TemplateMissingError, match='requested template "z" not found; have t, u'):
        run({"t": "", "u": ""}, {"inject.istio.io/templates": "z"})


def test_templates_cannot_change_values_for_others() -> None:
    values = {"v": {"a": 1.0}}
    run({"t": "{{ $_ := set .Values.v `a` 2 }}"}, values=values)
    assert values == {"v": {"a": 1.0}}


def test_selection() -> None:
    config = InjectorConfig(default_templates=("x", "all"), aliases={"all": ("t", "u")})
    assert select_templates({}, config) == ["x", "t", "u"]
    assert select_templates({"inject.istio.io/templates": "a, all"}, config) == ["a", "t", "u"]


def test_output_is_data() -> None:
    assert parse_overlay("") == {}
    assert parse_overlay("a: 1") == {"a": 1}
