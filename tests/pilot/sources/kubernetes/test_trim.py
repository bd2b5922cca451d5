"""What the mesh does not read is not kept."""

from pilot.model.confidential import Encoded
from pilot.model.kubernetes import Pod, PodCondition, PodStatus
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
