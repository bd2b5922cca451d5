"""Strategic merge, rule by rule."""

from typing import Any

import pytest

from webhook.injection.errors import InjectionError
from webhook.injection.strategic_merge import merge

Json = dict[str, Any]


def containers(*items: Json) -> Json:
    return {"spec": {"containers": list(items)}}


def names(pod: Json, key: str = "containers") -> list[str]:
    return [each["name"] for each in pod["spec"][key]]


def test_containers_are_merged_by_name() -> None:
    merged = merge(containers({"name": "a", "image": "1"}), containers({"name": "a", "tty": True}), "Pod")
    assert merged == containers({"name": "a", "image": "1", "tty": True})


def test_new_elements_stand_before_those_that_are_only_there() -> None:
    merged = merge(containers({"name": "a"}, {"name": "b"}), containers({"name": "p"}), "Pod")
    assert names(merged) == ["p", "a", "b"]


def test_the_order_of_what_is_laid_over_wins_and_the_rest_keeps_its_place_before() -> None:
    there = containers({"name": "a"}, {"name": "b"}, {"name": "c"})
    assert names(merge(there, containers({"name": "c"}, {"name": "b"}), "Pod")) == ["a", "c", "b"]


def test_null_removes_and_nothing_is_added_by_it() -> None:
    assert merge({"spec": {"nodeName": "n"}}, {"spec": {"nodeName": None, "hostname": None}}, "Pod") == {"spec": {}}
    assert merge({}, {"spec": {"volumes": [{"name": "v", "emptyDir": None}]}}, "Pod") == {
        "spec": {"volumes": [{"name": "v"}]}
    }


def test_lists_without_a_key_are_replaced() -> None:
    merged = merge({"spec": {"tolerations": [{"key": "a"}]}}, {"spec": {"tolerations": [{"key": "b"}]}}, "Pod")
    assert merged["spec"]["tolerations"] == [{"key": "b"}]


def test_sets_are_united() -> None:
    merged = merge({"metadata": {"finalizers": ["a", "b"]}}, {"metadata": {"finalizers": ["c", "b"]}}, "Pod")
    assert sorted(merged["metadata"]["finalizers"]) == ["a", "b", "c"]


def test_directives_delete_and_replace() -> None:
    there = containers({"name": "a", "env": [{"name": "X", "value": "1"}]}, {"name": "b"})
    assert names(merge(there, containers({"name": "a", "$patch": "delete"}), "Pod")) == ["b"]
    assert names(merge(there, containers({"name": "z"}, {"$patch": "replace"}), "Pod")) == ["z"]
    replaced = merge(there, containers({"name": "a", "$patch": "replace", "image": "i"}), "Pod")
    assert names(replaced) == []
    assert merge(
        {"metadata": {"labels": {"a": "1"}}}, {"metadata": {"labels": {"$patch": "replace", "b": "2"}}}, "Pod"
    ) == {"metadata": {"labels": {"b": "2"}}}
    assert merge({"spec": {"affinity": {"nodeAffinity": {}}}}, {"spec": {"affinity": {"$patch": "delete"}}}, "Pod") == {
        "spec": {"affinity": {}}
    }


def test_keys_are_retained_and_values_deleted() -> None:
    there = {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}
    overlay: Json = {"spec": {"volumes": [{"name": "v", "$retainKeys": ["name", "secret"], "secret": {}}]}}
    assert merge(there, overlay, "Pod")["spec"]["volumes"] == [{"name": "v", "secret": {}}]
    overlay = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}
    assert merge({"metadata": {"finalizers": ["a", "b"]}}, overlay, "Pod")["metadata"]["finalizers"] == ["b"]


def test_a_port_of_two_protocols_is_two_ports() -> None:
    ports = [{"containerPort": 53, "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}]
    there = containers({"name": "a", "ports": ports})
    assert merge(there, there, "Pod") == there
    named = containers({"name": "a", "ports": [{"containerPort": 53, "name": "dns"}]})
    assert merge(there, named, "Pod")["spec"]["containers"][0]["ports"] == [{**ports[0], "name": "dns"}, ports[1]]


def test_nothing_that_came_in_is_changed() -> None:
    there, over = containers({"name": "a", "env": [{"name": "X"}]}), containers({"name": "a", "env": [{"name": "Y"}]})
    before = repr((there, over))
    merge(there, over, "Pod")
    assert repr((there, over)) == before


@pytest.mark.parametrize(
    "overlay",
    [
        containers({"image": "nameless"}),
        containers({"name": "a", "$patch": "merge"}),
        {"spec": {"$patch": "merge"}},
        {"spec": {"containers": ["text"]}},
    ],
)
def test_what_makes_no_sense_is_refused(overlay: Json) -> None:
    with pytest.raises(InjectionError):
        merge(containers({"name": "a"}), overlay, "Pod")
