import pytest
from envoy.extensions.transport_sockets.raw_buffer.v3.raw_buffer_pb2 import RawBuffer
from google.protobuf import json_format
from udpa.type.v1 import typed_struct_pb2

from pilot.generators.envoy import packing


def test_a_message_is_packed_under_its_own_type() -> None:
    packed = packing.pack(RawBuffer())

    assert packed.type_url == "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"
    assert packed.value == b""


@pytest.mark.parametrize("url", ["a.b.Config", "type.googleapis.com/a.b.Config"])
def test_a_typed_struct_names_the_inner_type_with_its_prefix(url: str) -> None:
    packed = packing.typed_struct(url, {"on": True})
    inner = typed_struct_pb2.TypedStruct.FromString(packed.value)

    assert packed.type_url == "type.googleapis.com/udpa.type.v1.TypedStruct"
    assert inner.type_url == "type.googleapis.com/a.b.Config"
    assert json_format.MessageToDict(inner.value) == {"on": True}


def test_a_struct_holds_every_kind_of_json_value() -> None:
    content = {"text": "a", "flag": False, "number": 1.5, "list": ["x", {"y": 2}], "inner": {}}

    assert json_format.MessageToDict(packing.struct(content)) == content


def test_a_struct_refuses_what_json_has_not() -> None:
    with pytest.raises(TypeError, match="got bytes"):
        packing.struct({"bad": b"bytes"})
