"""Manifests: all recorded runs of kube-inject, and the kinds that it knows."""

from typing import Any

import pytest

from tests.webhook.injection.recordings import as_data, recordings
from webhook.injection import built_in
from webhook.injection.documents import DocumentInjection, inject_document, offline
from webhook.injection.errors import InjectionError
from webhook.injection.inject import Installation
from webhook.injection.mesh import Mesh

INJECTION = DocumentInjection(offline(Installation(built_in.config(), built_in.values(), Mesh(), "default")))
TEMPLATE = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c"}]}}


@pytest.mark.shared
def test_every_recording_of_kube_inject_is_met() -> None:
    found = recordings()
    assert len(found) >= 52
    for recording in found:
        warnings: list[str] = []
        if recording.expected is None:
            with pytest.raises(InjectionError):
                recording.inject()
            continue
        assert as_data(recording.inject(warnings=warnings)) == as_data(recording.expected), recording.name
        assert all(warning in recording.case["stderr"] for warning in warnings), recording.name
        assert recording.case["stderr"].count("===>") == len(warnings), recording.name


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("apps/v1", "StatefulSet"),
        ("v1", "ReplicationController"),
        ("batch/v1", "Job"),
        ("apps.openshift.io/v1", "DeploymentConfig"),
    ],
)
def test_workloads_get_a_proxy(version: str, kind: str) -> None:
    made = inject_document(
        {"apiVersion": version, "kind": kind, "metadata": {"name": "n"}, "spec": {"template": TEMPLATE}}, INJECTION
    )
    spec = made["spec"]["template"]["spec"]
    assert [each["name"] for each in spec["containers"]] == ["c", "istio-proxy"]
    owner = next(each for each in spec["containers"][1]["env"] if each["name"] == "ISTIO_META_OWNER")
    assert owner["value"] == f"kubernetes://apis/{version}/namespaces/default/{kind.lower()}s/n"


@pytest.mark.parametrize(
    "document",
    [None, [], "x", {}, {"apiVersion": "v1", "kind": "Service", "spec": {"x": None}},
     {"apiVersion": "apps/v1beta1", "kind": "Deployment"}, {"kind": "List", "apiVersion": "v1", "items": 3}],
)  # fmt: skip
def test_other_documents_pass_unchanged(document: Any) -> None:
    assert inject_document(document, INJECTION) == document


def test_what_is_left_alone_is_told() -> None:
    warnings: list[str] = []
    injection = DocumentInjection(INJECTION.installation, warn=warnings.append)
    template = {**TEMPLATE, "metadata": {"labels": {"sidecar.istio.io/inject": "false"}}}
    document = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "n"},
        "spec": {"template": template},
    }
    made = inject_document(document, injection)
    assert [each["name"] for each in made["spec"]["template"]["spec"]["containers"]] == ["c"]
    assert warnings == ['===> Skipping injection because Deployment "n/d" has sidecar injection disabled']


def test_malformed_workloads_are_refused() -> None:
    with pytest.raises(InjectionError, match=r"Deployment\.spec\.template\.spec\.containers: expected a list"):
        inject_document(
            {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": {"containers": "x"}}}},
            INJECTION,
        )
