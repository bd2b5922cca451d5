"""Status of GatewayClasses. In: a snapshot. Out: those of our controllers, built-in ones that nobody declared too.

Source: installation 9.1.
"""

from collections.abc import Iterator

from pilot.gatewayapi.classes import CONTROLLERS, built_in, role_of
from pilot.gatewayapi.gateway import GatewayClass
from pilot.model.objects import Metadata, ObjectKey
from pilot.model.snapshot import Snapshot
from pilot.status.condition import Conditioned, conditions, generation_of


def statuses(snapshot: Snapshot) -> Iterator[tuple[ObjectKey, Conditioned]]:
    """Those of all classes of ours."""
    declared = {each.name: each for each in snapshot.seen.of(GatewayClass)}
    missing = (GatewayClass(metadata=Metadata(name=name)) for name in _built_in(snapshot) if name not in declared)
    ours = (each for each in declared.values() if role_of(each.spec.controller_name, snapshot.features) in CONTROLLERS)
    for each in (*ours, *missing):
        good = {"Accepted": ("Accepted", "Gateways of this class are served here")}
        yield each.key, Conditioned(conditions(generation_of(each), good, {}))


def _built_in(snapshot: Snapshot) -> Iterator[str]:
    """Those that this control plane makes."""
    for name in built_in(snapshot.features):
        if name == "istio-east-west" and not snapshot.features.ambient_multi_network:
            continue
        if name != "istio-waypoint" or (snapshot.features.ambient and snapshot.features.ambient_waypoints):
            yield name
