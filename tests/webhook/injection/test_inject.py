"""Injection as a whole: against the recorded reviews, and with whatever hypothesis makes up."""

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.webhook.injection.recordings import as_data, read_config, reviews
from webhook.injection import built_in, json_patch
from webhook.injection.configuration import parse_config, parse_values
from webhook.injection.errors import InjectionError
from webhook.injection.inject import Injected, Installation, PodReview, Skipped, inject_pod, review_pod
from webhook.injection.mesh import Mesh, parse_mesh
from webhook.injection.owner import Owner

BUILT_IN = Installation(built_in.config(), built_in.values(), Mesh())


@pytest.mark.shared
def test_reviews_are_answered_as_recorded() -> None:
    count = 0
    for name, root, recorded in reviews():
        count += 1
        installation = Installation(
            read_config(root / recorded["config"]),
            parse_values((root / recorded["values"]).read_text()),
            parse_mesh((root / recorded["mesh"]).read_text()),
            "default",
        )
        request, response = recorded["request"]["request"], recorded["response"]["response"]
        review = PodReview(request["object"], request["namespace"], recorded["path"], native_sidecars=True)
        if not response["allowed"]:
            with pytest.raises(InjectionError) as caught:
                review_pod(review, installation)
            expected = response["status"]["message"].partition(";")[0]
            assert str(caught.value).startswith(expected), name
            continue
        answer = review_pod(review, installation)
        if "patch" not in response:
            assert isinstance(answer, Skipped), name
            continue
        assert isinstance(answer, Injected), name
        expected_pod = json_patch.apply(request["object"], json.loads(base64.b64decode(response["patch"])))
        assert as_data(answer.pod) == as_data(expected_pod), name
        assert json_patch.apply(request["object"], answer.patch) == answer.pod, name
    assert count >= 9


def pod(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p", "labels": {"app": "p"}}, "spec": {"containers": [{"name": "c"}], **spec}}


def test_a_pod_that_is_refused_says_why() -> None:
    answer = review_pod(PodReview(pod(hostNetwork=True), "ns"), BUILT_IN)
    assert answer == Skipped("it uses the host's network")


def test_path_and_label_decide_about_cluster_and_network() -> None:
    labelled = pod()
    labelled["metadata"]["labels"]["topology.istio.io/network"] = "own"
    answer = review_pod(PodReview(labelled, "ns", "/inject/cluster/east/net/n1/odd"), BUILT_IN)
    assert isinstance(answer, Injected)
    proxy = answer.pod["spec"]["containers"][-1]
    assert proxy["env"][-2:] == [
        {"name": "ISTIO_META_CLUSTER_ID", "value": "east"},
        {"name": "ISTIO_META_NETWORK", "value": "own"},
    ]
    assert answer.pod["metadata"]["labels"]["topology.istio.io/network"] == "own"
    assert answer.warnings == ("the path ends with 'odd', which has no value",)


def test_ids_on_openshift_come_from_the_namespace() -> None:
    openshift = Installation(built_in.config(), built_in.values(), Mesh(), platform="openshift")
    annotations = {"openshift.io/sa.scc.uid-range": "1000/10", "openshift.io/sa.scc.supplemental-groups": "2000/10"}
    made = inject_pod(
        PodReview(pod(), "ns", namespace_annotations=annotations), Owner("v1", "Pod", "p"), "ns", openshift
    )
    context = made["spec"]["containers"][-1]["securityContext"]
    assert (context["runAsUser"], context["runAsGroup"]) == (1009, 2009)


def test_a_second_injection_changes_nothing() -> None:
    first = review_pod(PodReview(pod(), "ns"), BUILT_IN)
    assert isinstance(first, Injected)
    second = review_pod(PodReview(first.pod, "ns"), BUILT_IN)
    assert isinstance(second, Injected)
    assert second.patch == ()


def test_resources_of_kind_proxy_config_are_heard() -> None:
    resource = {"metadata": {"namespace": "ns", "name": "x"}, "spec": {"environmentVariables": {"FROM": "resource"}}}
    answer = review_pod(PodReview(pod(), "ns", proxy_configs=(resource,)), BUILT_IN)
    assert isinstance(answer, Injected)
    assert {"name": "FROM", "value": "resource"} in answer.pod["spec"]["containers"][-1]["env"]


def test_injected_annotations_come_last() -> None:
    config = parse_config(
        "policy: enabled\ntemplates: {sidecar: ''}\ninjectedAnnotations: {sidecar.istio.io/status: mine}"
    )
    answer = review_pod(PodReview(pod(), "ns"), Installation(config, {}, Mesh()))
    assert isinstance(answer, Injected)
    assert answer.pod["metadata"]["annotations"]["sidecar.istio.io/status"] == "mine"


def test_what_comes_in_stays_as_it_was() -> None:
    review = PodReview({**pod(), "status": {}}, "ns")
    before = json.dumps(review.pod)
    review_pod(review, BUILT_IN)
    assert json.dumps(review.pod) == before


def test_the_namespace_of_the_request_is_told_to_templates_and_stays_out_of_the_pod() -> None:
    config = parse_config(
        "{policy: enabled, templates: {sidecar: 'metadata: {labels: {x: {{ .ObjectMeta.Namespace }}}}'}}"
    )
    managed = pod()
    managed["metadata"]["managedFields"] = [{"manager": "m"}]
    answer = review_pod(PodReview(managed, "of-the-request"), Installation(config, {}, Mesh()))
    assert isinstance(answer, Injected)
    assert answer.pod["metadata"]["labels"]["x"] == "of-the-request"
    assert "namespace" not in answer.pod["metadata"]
    assert answer.pod["metadata"]["managedFields"] == [{"manager": "m"}]


@pytest.mark.parametrize(
    "annotations",
    [
        {"proxy.istio.io/config": "statusPort: x"},
        {"sidecar.istio.io/proxyCPU": "much"},
        {"proxy.istio.io/overrides": "{"},
    ],
)
def test_refusals_have_one_beginning(annotations: dict[str, str]) -> None:
    bad = pod()
    bad["metadata"]["annotations"] = annotations
    with pytest.raises(InjectionError, match=r"^failed to run injection template: "):
        review_pod(PodReview(bad, "ns"), BUILT_IN)


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)
NAMES = st.sampled_from(["istio-proxy", "istio-init", "a", "b", "istio-validation", ""])
HANDLERS = st.fixed_dictionaries(
    {},
    optional={
        "httpGet": st.fixed_dictionaries(
            {}, optional={"port": st.sampled_from([80, "x", 15020, None]), "scheme": st.just("HTTPS")}
        ),
        "tcpSocket": st.fixed_dictionaries({"port": st.integers(0, 3)}),
        "grpc": st.fixed_dictionaries({"port": st.integers(0, 3)}),
        "exec": st.just({"command": ["x"]}),
    },
)
CONTAINERS = st.fixed_dictionaries(
    {"name": NAMES},
    optional={
        "image": st.sampled_from(["auto", "x", ""]),
        "env": st.lists(st.fixed_dictionaries({"name": NAMES, "value": st.text(max_size=4)}), max_size=2),
        "ports": st.lists(
            st.fixed_dictionaries({"containerPort": st.integers(0, 9)}, optional={"name": NAMES}), max_size=2
        ),
        "livenessProbe": HANDLERS,
        "lifecycle": st.fixed_dictionaries({}, optional={"preStop": HANDLERS}),
        "securityContext": st.fixed_dictionaries({}, optional={"runAsUser": st.integers(0, 9)}),
        "resources": ODD,
    },
)
ANNOTATIONS = st.dictionaries(
    st.sampled_from(
        ["sidecar.istio.io/status", "proxy.istio.io/overrides", "proxy.istio.io/config",
         "inject.istio.io/templates",
         "sidecar.istio.io/nativeSidecar", "sidecar.istio.io/interceptionMode", "status.sidecar.istio.io/port",
         "sidecar.istio.io/userVolume", "sidecar.istio.io/userVolumeMount", "prometheus.io/port",
         "sidecar.istio.io/proxyCPU"]
    ),
    st.sampled_from(
        ["", "{}", "[]", "null", "1", "TPROXY", "NONE", "gateway", "grpc-agent,sidecar", "true", "false", "é\n",
         '{"a":1}',
         "concurrency: 1", '{"containers":["istio-proxy"]}', '{"containers":[{"name":"istio-proxy"}]}', "15020"]
    ),
    max_size=3,
)  # fmt: skip
PODS = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries(
            {}, optional={"annotations": ANNOTATIONS, "labels": ODD, "generateName": st.just("x-")}
        ),
        "spec": st.fixed_dictionaries(
            {"containers": st.lists(CONTAINERS, max_size=3)},
            optional={"initContainers": st.lists(CONTAINERS, max_size=2), "volumes": ODD, "securityContext": ODD},
        ),
    }
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PODS, st.booleans())
def test_odd_pods_are_injected_or_refused(odd: dict[str, Any], native: bool) -> None:
    try:
        answer = review_pod(PodReview(odd, "ns", native_sidecars=native), BUILT_IN)
    except InjectionError:
        return
    assert isinstance(answer, Injected)
    assert json_patch.apply(odd, answer.patch) == answer.pod


@settings(max_examples=150, deadline=None)
@given(ODD)
def test_what_is_no_pod_is_refused_or_harmless(odd: Any) -> None:
    for review in ({"metadata": odd}, {"spec": odd}, {"metadata": {"annotations": odd}, "spec": {"containers": odd}}):
        try:
            review_pod(PodReview(review, "ns"), BUILT_IN)
        except InjectionError:
            continue
