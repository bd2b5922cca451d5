"""What the mesh does not read is not kept."""

from pilot.model.confidential import Encoded
from pilot.model.kubernetes import Container, Pod, PodCondition, PodSpec, PodStatus
from pilot.model.objects import Metadata
from pilot.model.secret import ConfigMap, Secret, SecretData
from pilot.model.virtual_service import VirtualService
from pilot.sources.kubernetes.trim import is_empty, trim


def test_annotations_of_strangers_go() -> None:
    kept = {"networking.istio.io/exportTo": ".", "kubernetes.io/ingress.class": "istio", "istio.io/dry-run": "true"}
    strangers = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "control-plane.alpha/leader": "x", "a": "b"}
    rule = VirtualService(metadata=Metadata(name="a", namespace="b", annotations=kept | strangers))
    assert trim(rule).metadata.annotations == kept
    assert trim(rule).metadata.name == "a"


def test_object_without_any_stays_the_same_object() -> None:
    rule = VirtualService(metadata=Metadata(name="a", annotations={"istio.io/x": "y"}))
    assert trim(rule) is rule


def test_pod_keeps_the_condition_that_counts() -> None:
    conditions = tuple(PodCondition(each, "True") for each in ("Initialized", "Ready", "ContainersReady"))
    found = trim(Pod(status=PodStatus(pod_ip="10.0.0.1", conditions=conditions)))
    assert isinstance(found, Pod)
    assert found.status == PodStatus(pod_ip="10.0.0.1", conditions=(PodCondition("Ready", "True"),))
    assert found.ready


def test_secret_and_config_map_of_others_are_empty() -> None:
    assert is_empty(Secret())
    assert is_empty(ConfigMap())
    assert not is_empty(Secret(data=SecretData(tls_crt=Encoded(b"x"))))
    assert not is_empty(Pod())


def test_pods_of_a_workload_share_what_is_equal() -> None:
    def pod(name: str) -> Pod:
        metadata = Metadata(name=name, labels={"app": "web"}, annotations={"istio.io/rev": "x", "other": name})
        return Pod(metadata=metadata, spec=PodSpec(containers=(Container("app"),)))

    one, other = trim(pod("web-1")), trim(pod("web-2"))
    assert isinstance(one, Pod)
    assert isinstance(other, Pod)
    assert one.metadata.labels is other.metadata.labels
    assert one.metadata.annotations is other.metadata.annotations
    assert one.spec.containers is other.spec.containers
    assert (one.name, other.name) == ("web-1", "web-2")


def test_pod_with_nothing_in_it_keeps_the_types_of_its_parts() -> None:
    assert trim(Pod()) == Pod()
    assert trim(Pod(metadata=Metadata(labels={}))).metadata.labels == {}
