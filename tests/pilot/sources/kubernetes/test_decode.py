"""Bytes of an API server become objects, leniently; what cannot be used says why."""

import json
from typing import Any

import pytest
from msgspec import Raw

from ca.errors import KubernetesError
from pilot.model.authorization_policy import AuthorizationPolicy, UnreadablePolicy
from pilot.model.kubernetes import Pod
from pilot.model.virtual_service import VirtualService
from pilot.sources.kinds import KINDS, Kind
from pilot.sources.kubernetes.decode import decode_event, decode_page, decode_stored, key_of, version_of

POD, RULE = KINDS["", "Pod"], KINDS["networking.istio.io", "VirtualService"]
POLICY = KINDS["security.istio.io", "AuthorizationPolicy"]


def raw(kind: Kind, **content: Any) -> Raw:
    metadata = {"name": "a", "namespace": "b", "resourceVersion": "7", "managedFields": [{"manager": "x"}]}
    return Raw(json.dumps({"metadata": metadata | content.pop("metadata", {}), **content}).encode())


def test_page_says_where_it_stands_and_how_to_go_on() -> None:
    page = decode_page(b'{"kind":"PodList","metadata":{"resourceVersion":"5","continue":"x"},"items":[{"a":1},{}]}')
    assert (page.metadata.resource_version, page.metadata.continue_) == ("5", "x")
    assert [bytes(each) for each in page.items or ()] == [b'{"a":1}', b"{}"]
    assert decode_page(b'{"metadata":{},"items":null}').items is None
    with pytest.raises(KubernetesError, match="expected a list"):
        decode_page(b"<html>")


def test_event_of_an_error_is_raised_with_its_status() -> None:
    assert decode_event(b'{"type":"ADDED","object":{}}').type == "ADDED"
    with pytest.raises(KubernetesError, match="too old") as gone:
        decode_event(b'{"type":"ERROR","object":{"code":410,"message":"too old"}}')
    assert gone.value.status == 410
    with pytest.raises(KubernetesError, match="expected an event"):
        decode_event(b"garbage")


def test_object_is_decoded_as_the_file_source_does() -> None:
    found = decode_stored(raw(POD, spec={"nodeName": "n"}, status={"podIP": "10.0.0.1", "qosClass": "x"}), POD)
    assert found is not None
    assert isinstance(found.object, Pod)
    assert (found.object.spec.node_name, found.object.status.pod_ip) == ("n", "10.0.0.1")
    assert found.problems == ()


def test_unknown_fields_of_stored_objects_are_ignored() -> None:
    spec = {
        "hosts": ["x.example.com"],
        "http": [{"name": "r", "fromTheFuture": True, "redirect": {"uri": "/"}}],
        "new": 1,
    }
    found = decode_stored(raw(RULE, spec=spec, status={"conditions": []}), RULE)
    assert found is not None
    assert isinstance(found.object, VirtualService)
    assert found.object.spec.http[0].name == "r"
    assert found.problems == ()


def test_nothing_of_bookkeeping_is_left_that_could_differ() -> None:
    one = decode_stored(raw(RULE, spec={"hosts": ["x"]}, status={"a": 1}), RULE)
    other = decode_stored(
        raw(RULE, metadata={"resourceVersion": "8", "annotations": {"a": "b"}}, spec={"hosts": ["x"]}), RULE
    )
    assert one is not None
    assert other is not None
    assert one.object == other.object


def test_object_that_cannot_be_used_says_why() -> None:
    found = decode_stored(raw(RULE, spec={"hosts": "x"}), RULE)
    assert found is not None
    assert found.object is None
    assert str(found.problems[0]) == 'VirtualService b/a: spec.hosts: expected a list, got the string "x"'


def test_policy_that_cannot_be_read_refuses_in_its_place() -> None:
    found = decode_stored(raw(POLICY, spec={"action": "ALLOW", "rules": "all"}), POLICY)
    assert found is not None
    assert found.object is None
    assert isinstance(found.fallback, UnreadablePolicy)
    assert found.key.kind == AuthorizationPolicy.KIND


def test_bytes_without_a_name_are_nothing() -> None:
    assert decode_stored(Raw(b"[]"), POD) is None


def test_version_and_key_are_read_alone() -> None:
    assert version_of(raw(POD)) == "7"
    assert str(key_of(raw(POD), POD)) == "Pod b/a"
