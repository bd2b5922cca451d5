from google.protobuf import json_format
from udpa.type.v1.typed_struct_pb2 import TypedStruct

from pilot.generators.clusters.metadata_exchange import exchange_filters
from pilot.model.features import Features
from pilot.view.proxy import Flavour
from tests.pilot.generators.samples import STOCK


def test_istios_envoy_exchanges_metadata() -> None:
    (made,) = exchange_filters(Features(mx_additional_labels=("b", "a")), Flavour())
    content = TypedStruct.FromString(made.typed_config.value)

    assert made.name == "istio.metadata_exchange"
    assert content.type_url == "type.googleapis.com/envoy.tcp.metadataexchange.config.MetadataExchange"
    assert json_format.MessageToDict(content.value) == {
        "protocol": "istio-peer-exchange",
        "enable_discovery": True,
        "additional_labels": ["a", "b"],
    }


def test_nobody_else_does() -> None:
    assert exchange_filters(Features(metadata_exchange=False), Flavour()) == ()
    assert exchange_filters(Features(), STOCK) == ()
