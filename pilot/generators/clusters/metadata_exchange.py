"""The cluster filter by which TCP peers tell each other who they are; Istio's Envoy only.

In: features, flavour. Out: the filters of a cluster. Source: xDS behaviour 3.3 (9).
"""

from typing import Any

from envoy.config.cluster.v3.filter_pb2 import Filter

from pilot.generators.envoy import alpn
from pilot.generators.envoy.packing import typed_struct
from pilot.memo import memoized
from pilot.model.features import Features
from pilot.view.proxy import Flavour


@memoized(size=64)
def exchange_filters(features: Features, flavour: Flavour) -> tuple[Any, ...]:
    """The filter, or nothing where it is switched off or not there."""
    if not alpn.has_metadata_exchange(features, flavour):
        return ()
    settings: dict[str, object] = {"protocol": alpn.PEER_EXCHANGE, "enable_discovery": True}
    if features.mx_additional_labels:
        settings["additional_labels"] = sorted(features.mx_additional_labels)
    config = typed_struct(alpn.METADATA_EXCHANGE_TYPE, settings)
    return (Filter(name="istio.metadata_exchange", typed_config=config),)
