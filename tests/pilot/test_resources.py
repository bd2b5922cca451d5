"""Resources are ready bytes with a content hash: the bytes are protobuf's own, the hash follows the content."""

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from google.protobuf.any_pb2 import Any
from hypothesis import given
from hypothesis import strategies as st

from pilot.resources import (
    EMPTY,
    Origin,
    Resource,
    pack,
    resource,
    resource_of_bytes,
    resource_set,
    revise,
    varint,
)
from pilot.type_urls import CLUSTER, TypeUrl


def a_resource(name: str, content: bytes = b"") -> Resource:
    return resource_of_bytes(CLUSTER, name, content or name.encode())


def test_packed_message_is_what_protobuf_packs() -> None:
    cluster = Cluster(name="outbound|80||a.default.svc.cluster.local")
    wrapped = Any()
    wrapped.Pack(cluster)
    assert resource(CLUSTER, cluster.name, cluster).body == wrapped.SerializeToString(deterministic=True)


@given(st.text(min_size=1), st.binary(max_size=400))
def test_any_is_encoded_as_protobuf_encodes_it(url: str, value: bytes) -> None:
    unpacked = Any.FromString(pack(TypeUrl(url), value))
    assert (unpacked.type_url, unpacked.value) == (url, value)


@given(st.integers(min_value=0, max_value=2**64 - 1))
def test_varint_is_base_128_with_the_low_group_first(number: int) -> None:
    encoded = varint(number)
    assert sum((byte & 0x7F) << (7 * i) for i, byte in enumerate(encoded)) == number
    assert [byte >> 7 for byte in encoded] == [1] * (len(encoded) - 1) + [0]
    assert number == 0 or encoded[-1] != 0


def test_equal_messages_have_equal_versions_whatever_the_order_of_maps() -> None:
    one, other = Cluster(), Cluster()
    for message, keys in ((one, ("a", "b")), (other, ("b", "a"))):
        for key in keys:
            message.metadata.filter_metadata[key].SetInParent()
    assert resource(CLUSTER, "c", one) == resource(CLUSTER, "c", other)


def test_version_of_a_resource_follows_its_content() -> None:
    assert a_resource("a", b"1").version == a_resource("b", b"1").version
    assert a_resource("a", b"1").version != a_resource("a", b"2").version
    assert len(a_resource("a").version) == 16


def test_version_of_a_set_follows_names_and_contents_but_not_order() -> None:
    a, b = a_resource("a", b"1"), a_resource("b", b"1")
    assert resource_set([a, b]).version == resource_set([b, a]).version
    assert resource_set([a]).version != resource_set([b]).version
    assert resource_set([a, b]).version != resource_set([a]).version
    assert resource_set([a]).version != resource_set([a_resource("a", b"2")]).version


def test_first_of_two_with_one_name_stays() -> None:
    first, second = a_resource("a", b"1"), a_resource("a", b"2")
    made = resource_set([first, second])
    assert made["a"] is first
    assert made.version == resource_set([first]).version


def test_contents_that_change_places_are_another_version() -> None:
    one = resource_set([a_resource("a", b"1"), a_resource("b", b"2")])
    other = resource_set([a_resource("a", b"2"), a_resource("b", b"1")])
    assert one.version != other.version


def test_set_keeps_the_order_of_making() -> None:
    made = resource_set(map(a_resource, "cab"))
    assert list(made) == ["c", "a", "b"]
    assert len(made) == 3
    assert "a" in made
    assert "x" not in made
    with pytest.raises(KeyError):
        made["x"]


def test_sets_are_equal_by_identity_only() -> None:
    assert resource_set([]) != resource_set([])
    assert not EMPTY.resources


def test_origin_reads_like_kubectl() -> None:
    assert str(Origin("VirtualService", "default", "reviews")) == "VirtualService default/reviews"
    assert str(Origin("Node", "", "node-1")) == "Node node-1"


def test_origins_of_a_resource_are_listed_once() -> None:
    origin = Origin("Service", "default", "a")
    assert resource_of_bytes(CLUSTER, "a", b"", [origin, origin]).origins == (origin,)


def test_revised_set_equals_one_made_anew() -> None:
    first, second, third = (resource_of_bytes(CLUSTER, name, name.encode()) for name in "abc")
    changed = resource_of_bytes(CLUSTER, "a", b"other")
    revised = revise(resource_set((first, second)), {"a": changed, "b": None, "c": third, "d": None})
    assert dict(revised.resources) == {"a": changed, "c": third}
    assert revised.version == resource_set((changed, third)).version
    assert revise(EMPTY, {"a": first}).version == resource_set((first,)).version
