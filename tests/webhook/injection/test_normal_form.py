"""Objects as Go writes them."""

from typing import Any

import pytest

from webhook.injection import normal_form
from webhook.injection.errors import InjectionError


def test_empty_fields_go_and_some_come() -> None:
    pod = {
        "spec": {"hostNetwork": False, "containers": [{"name": "a", "tty": False, "resources": None}], "volumes": []}
    }
    assert normal_form.normalize(pod, "Pod") == {
        "metadata": {}, "spec": {"containers": [{"name": "a", "resources": {}}]}, "status": {},
    }  # fmt: skip


def test_pointers_keep_their_zeros_and_unknown_fields_stay() -> None:
    container = {"name": "a", "securityContext": {"privileged": False}, "newField": 1}
    shaped = normal_form.normalize(container, "Container")
    assert shaped == {"name": "a", "resources": {}, "securityContext": {"privileged": False}, "newField": 1}


def test_quantities_and_whole_floats_take_their_form() -> None:
    container = {"name": "a", "resources": {"limits": {"memory": "1024Mi"}}, "ports": [{"containerPort": 80.0}]}
    shaped = normal_form.normalize(container, "Container")
    assert shaped["resources"] == {"limits": {"memory": "1Gi"}}
    assert repr(shaped["ports"]) == "[{'containerPort': 80}]"


@pytest.mark.parametrize(
    ("pod", "message"),
    [
        ({"spec": {"containers": {}}}, "Pod.spec.containers: expected a list, got {}"),
        ({"spec": {"containers": [{"name": 1}]}}, "Pod.spec.containers[0].name: expected text, got 1"),
        ({"metadata": {"labels": {"a": True}}}, "Pod.metadata.labels[a]: expected text, got True"),
        ({"metadata": {"labels": []}}, "Pod.metadata.labels: expected an object, got []"),
        ({"spec": []}, "Pod.spec: expected an object, got []"),
        ({"spec": {"hostNetwork": "yes"}}, "Pod.spec.hostNetwork: expected true or false, got 'yes'"),
        ({"spec": {"priority": 1.5}}, "Pod.spec.priority: expected a whole number, got 1.5"),
        ([], "Pod: expected an object, got []"),
    ],
)
def test_what_cannot_be_a_pod_is_refused(pod: Any, message: str) -> None:
    with pytest.raises(InjectionError) as caught:
        normal_form.check(pod, "Pod")
    assert str(caught.value) == message


def test_what_did_not_change_is_put_back_into_its_own_form() -> None:
    raw = {"spec": {"containers": [{"name": "a", "resources": {"limits": {"memory": "1024Mi"}}, "tty": False}]}}
    normal = normal_form.normalize(raw, "Pod")
    result = normal_form.normalize(raw, "Pod")
    result["metadata"]["labels"] = {"x": "y"}
    result["spec"]["containers"].append({"name": "b", "resources": {}})
    assert normal_form.restore(raw, normal, result) == {
        "metadata": {"labels": {"x": "y"}},
        "spec": {"containers": [raw["spec"]["containers"][0], {"name": "b", "resources": {}}]},
    }


def test_elements_without_names_are_found_by_place() -> None:
    raw, normal, result = [{"ip": "1", "x": ""}], [{"ip": "1"}], [{"ip": "1", "y": 2}]
    assert normal_form.restore(raw, normal, result) == [{"ip": "1", "x": "", "y": 2}]
    assert normal_form.restore([1], [1], [2, 1]) == [2, 1]
