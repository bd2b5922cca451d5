import dataclasses

from envoy.service.discovery.v3 import discovery_pb2

from pilot.type_urls import CLUSTER
from pilot.xds import wire
from tests.pilot.xds.worlds import cluster


def test_sotw_bytes_are_a_discovery_response() -> None:
    one, two = cluster("a"), cluster("b" * 200)
    data = wire.encode_frame(CLUSTER, "v1") + wire.encode_sotw([one, two]) + wire.encode_nonce("17")
    message = discovery_pb2.DiscoveryResponse.FromString(data)
    assert (message.version_info, message.type_url, message.nonce) == ("v1", CLUSTER, "17")
    assert [each.SerializeToString(deterministic=True) for each in message.resources] == [one.body, two.body]
    assert not message.HasField("control_plane")


def test_delta_bytes_are_a_delta_discovery_response() -> None:
    one = dataclasses.replace(cluster("a"), aliases=("x", "y"))
    frame = wire.encode_frame(CLUSTER, "v1", ["b", "c" * 200])
    data = frame + wire.encode_delta([one], ["r1"]) + wire.encode_nonce("é")
    message = discovery_pb2.DeltaDiscoveryResponse.FromString(data)
    assert (message.system_version_info, message.type_url, message.nonce) == ("v1", CLUSTER, "é")
    (sent,) = message.resources
    assert (sent.name, sent.version, list(sent.aliases)) == ("a", "r1", ["x", "y"])
    assert sent.resource.SerializeToString(deterministic=True) == one.body
    assert list(message.removed_resources) == ["b", "c" * 200]


def test_bytes_hold_nothing_unknown() -> None:
    frame = wire.encode_frame(CLUSTER, "v1", ["b"])
    data = frame + wire.encode_delta([cluster("a")], ["r1"]) + wire.encode_nonce("1")
    message = discovery_pb2.DeltaDiscoveryResponse.FromString(data)
    message.DiscardUnknownFields()
    assert message.ByteSize() == len(data)


def test_an_empty_response_has_its_type() -> None:
    frame = wire.encode_frame(CLUSTER, "")
    assert discovery_pb2.DiscoveryResponse.FromString(frame + wire.encode_sotw([])).type_url == CLUSTER
    assert discovery_pb2.DeltaDiscoveryResponse.FromString(frame + wire.encode_delta([], [])).type_url == CLUSTER


def test_a_large_resource_in_pieces_is_the_same_message() -> None:
    one = dataclasses.replace(cluster("a" * 200), aliases=("x", "y"))
    for pieces, whole in (
        (wire.around_delta(one, "r1"), wire.encode_delta([one], ["r1"])),
        (wire.around_sotw(one), wire.encode_sotw([one])),
    ):
        assert b"".join(pieces) == whole
        assert pieces[1] is one.body, "the body is shared, not copied"
