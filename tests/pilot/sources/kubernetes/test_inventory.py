"""What is known of a cluster, and what the feed is told."""

import json
from typing import Any

from msgspec import Raw

from pilot.model.authorization_policy import UnreadablePolicy
from pilot.model.kubernetes import Pod
from pilot.model.objects import Event, Metadata, ObjectKey
from pilot.model.problem import Severity
from pilot.sources.kinds import KINDS
from pilot.sources.kubernetes.inventory import CollectionReceiver, Inventory
from pilot.sources.kubernetes.resources import Resource, plural_of


def resource(group: str, kind: str) -> Resource:
    return Resource(KINDS[group, kind], plural_of(kind))


PODS, RULES = resource("", "Pod"), resource("networking.istio.io", "VirtualService")
POLICIES, MAPS = resource("security.istio.io", "AuthorizationPolicy"), resource("", "ConfigMap")
GATEWAYS = resource("gateway.networking.k8s.io", "Gateway")


def item(name: str, namespace: str = "shop", **content: Any) -> Raw:
    metadata = {"name": name, "namespace": namespace, **content.pop("metadata", {})}
    return Raw(json.dumps({"metadata": metadata, **content}).encode())


def said(inventory: Inventory) -> dict[str, bool]:
    """Names, and whether they are there, since the last call."""
    return {each.key.name: each.object is not None for each in inventory.take()}


def test_changes_of_one_object_merge() -> None:
    inventory = Inventory()
    for phase in ("Pending", "Running"):
        inventory.store(PODS, item("a", status={"phase": phase}))
    (event,) = inventory.take()
    assert isinstance(event.object, Pod)
    assert event.object.status.phase == "Running"
    assert inventory.take() == ()
    assert not inventory.changed.is_set()


def test_list_removes_what_is_not_in_it() -> None:
    inventory = Inventory()
    receiver = CollectionReceiver(inventory, PODS)
    receiver.begin()
    receiver.add([item("a"), item("b"), item("c", "other")])
    receiver.finish()
    assert said(inventory) == {"a": True, "b": True, "c": True}
    receiver.begin()
    receiver.add([item("a")])
    receiver.finish()
    assert said(inventory) == {"a": True, "b": False, "c": False}
    assert inventory.count() == 1


def test_list_of_one_namespace_leaves_others_alone() -> None:
    inventory = Inventory()
    inventory.store(PODS, item("theirs", "other"))
    receiver = CollectionReceiver(inventory, PODS, "shop")
    receiver.begin()
    receiver.finish()
    assert inventory.count() == 1
    inventory.retain_namespaces(PODS, frozenset(("shop",)))
    assert inventory.count() == 0


def test_deletion_says_so_once() -> None:
    inventory = Inventory()
    receiver = CollectionReceiver(inventory, PODS)
    receiver.change("ADDED", item("a"))
    receiver.change("DELETED", item("a"))
    assert said(inventory) == {"a": False}
    receiver.change("DELETED", item("a"))
    assert said(inventory) == {}


def test_broken_object_leaves_its_last_good_version() -> None:
    inventory = Inventory()
    inventory.store(RULES, item("a", spec={"hosts": ["x"]}))
    said(inventory)
    assert inventory.store(RULES, item("a", spec={"hosts": 5})) is not None
    assert said(inventory) == {}
    assert [str(each) for each in inventory.problems()] == [
        "VirtualService shop/a: spec.hosts: expected a list, got the number 5"
    ]
    inventory.store(RULES, item("a", spec={"hosts": ["x"]}))
    assert [each for each in inventory.problems() if each.severity is Severity.ERROR] == []


def test_broken_object_that_was_never_good_is_not_there() -> None:
    inventory = Inventory()
    assert inventory.store(RULES, item("a", spec={"hosts": 5})) is None
    assert (inventory.count(), len(inventory.problems())) == (0, 1)
    inventory.remove(ObjectKey("VirtualService", "shop", "a"))
    assert inventory.problems() == ()


def test_broken_policy_that_was_never_good_refuses() -> None:
    inventory = Inventory()
    inventory.store(POLICIES, item("a", spec={"rules": 5}))
    (event,) = inventory.take()
    assert isinstance(event.object, UnreadablePolicy)


def test_objects_of_other_revisions_are_not_ours() -> None:
    inventory = Inventory("canary")
    theirs, ours = {"labels": {"istio.io/rev": "stable"}}, {"labels": {"istio.io/rev": "canary"}}
    inventory.store(RULES, item("a", metadata=ours, spec={"hosts": ["x"]}))
    inventory.store(RULES, item("b", spec={"hosts": ["x"]}))
    inventory.store(RULES, item("c", metadata=theirs, spec={"hosts": ["x"]}))
    inventory.store(PODS, item("d", metadata=theirs))
    inventory.store(GATEWAYS, item("e", metadata=theirs))
    assert said(inventory) == {"a": True, "b": True, "d": True, "e": True}
    inventory.store(RULES, item("a", metadata=theirs, spec={"hosts": ["x"]}))
    assert said(inventory) == {"a": False}


def test_config_maps_without_certificates_cost_nothing() -> None:
    inventory = Inventory()
    inventory.store(MAPS, item("settings", data={"a": "b"}))
    inventory.store(MAPS, item("roots", data={"ca.crt": "pem"}))
    assert said(inventory) == {"roots": True}
    inventory.store(MAPS, item("roots", data={}))
    assert said(inventory) == {"roots": False}


def test_what_was_known_before_goes_where_the_cluster_does_not_list_it() -> None:
    inventory = Inventory()
    gone = Pod(metadata=Metadata(name="gone", namespace="shop"))
    inventory.adopt([Event(gone.key, gone)])
    assert said(inventory) == {"gone": True}
    receiver = CollectionReceiver(inventory, PODS)
    receiver.begin()
    receiver.add([item("new")])
    receiver.finish()
    assert said(inventory) == {"new": True, "gone": False}
