"""Status of Gateways and listener sets.

In: a snapshot, its judged listeners, how many routes each has. Out: statuses. What is wrong was decided where the
listeners were judged. Source: installation 9.5; Gateway API 1.4 (GatewayStatus, ListenerStatus).
"""

from collections.abc import Iterable, Iterator, Mapping

from pilot.gatewayapi.attachment import Listeners
from pilot.gatewayapi.classes import (
    CONTROLLERS,
    GATEWAY_CONTROLLER,
    REMOTE_CONTROLLER,
    TUNNELS,
    controller_of,
)
from pilot.gatewayapi.faults import Fault, Reason
from pilot.gatewayapi.gateway import GROUP, GatewayAddress, KubernetesGateway, ListenerSet
from pilot.gatewayapi.listeners import (
    JudgedListener,
    Surroundings,
    allows_set,
    is_managed,
    is_parent,
    place_of,
    served_by,
    tunnel_served_by,
)
from pilot.model.objects import ObjectKey
from pilot.model.snapshot import Snapshot
from pilot.status.addresses import Address, Assignment, assign
from pilot.status.condition import Condition, Part, conditions, generation_of


class RouteGroupKind(Part, frozen=True):
    """`supportedKinds[]`."""

    group: str
    kind: str


class ListenerStatus(Part, frozen=True):
    """`status.listeners[]`."""

    name: str
    attached_routes: int
    supported_kinds: tuple[RouteGroupKind, ...]
    conditions: tuple[Condition, ...]
    port: int = 0
    """Of listener sets only."""


class GatewayStatus(Part, frozen=True):
    """`status` of a Gateway."""

    conditions: tuple[Condition, ...]
    addresses: tuple[Address, ...] = ()
    listeners: tuple[ListenerStatus, ...] | None = None


class ListenerSetStatus(Part, frozen=True):
    """`status` of an XListenerSet."""

    conditions: tuple[Condition, ...]
    listeners: tuple[ListenerStatus, ...] = ()


def statuses(
    snapshot: Snapshot, around: Surroundings, listeners: Listeners, attached: Mapping[str, int]
) -> Iterator[tuple[ObjectKey, Part]]:
    """Those of all Gateways of ours, and of the listener sets that name them."""
    sets = tuple(around.store.of(ListenerSet)) if around.settings.features.alpha_gateway_api else ()
    for gateway in around.gateways():
        controller = controller_of(gateway, around.store, around.settings.features)
        if controller == REMOTE_CONTROLLER:
            yield gateway.key, _remote(gateway)
        elif controller in CONTROLLERS:
            own = tuple(each for each in sets if is_parent(gateway, each))
            taken = tuple(
                each for each in own if controller == GATEWAY_CONTROLLER and allows_set(gateway, each, around)
            )
            places = (place_of(gateway), *map(place_of, taken))
            judged = [each for place in places for each in listeners.get(place, ())]
            assigned = _assigned(gateway, controller, judged, snapshot)
            bad = _faults(gateway, listeners.get(place_of(gateway), ()), assigned)
            yield gateway.key, _status(gateway, listeners, attached, assigned, bad, len(taken))
            for each in own:
                found = listeners.get(place_of(each), ()) if each in taken else None
                yield each.key, _set_status(each, found, attached, bad)


def _remote(gateway: KubernetesGateway) -> GatewayStatus:
    good = {"Accepted": ("Accepted", "the Gateway is known"), "Programmed": ("Programmed", "it is served elsewhere")}
    return GatewayStatus(
        conditions=conditions(generation_of(gateway), good, {}),
        addresses=tuple(Address(each.type or "IPAddress", each.value) for each in gateway.spec.addresses),
    )


def _assigned(
    gateway: KubernetesGateway, controller: str, judged: Iterable[JudgedListener], snapshot: Snapshot
) -> Assignment:
    served = tunnel_served_by if controller in TUNNELS else served_by
    ports = dict.fromkeys(each.listener.port for each in judged if each.rejected is None and each.conflict is None)
    return assign(gateway, controller, served(gateway, snapshot.settings)[0], ports, snapshot)


def _faults(gateway: KubernetesGateway, own: tuple[JudgedListener, ...], assigned: Assignment) -> dict[str, Fault]:
    """What is wrong with a Gateway, by type of condition."""
    bad: dict[str, Fault] = {}
    if assigned.fault is not None:
        bad["Programmed"] = assigned.fault
    wrong = [_shown(each) for each in gateway.spec.addresses if not _is_supported(each, gateway)]
    if wrong:
        message = f"expected addresses that are host names of Services, or one IP address, got {', '.join(wrong)}"
        bad["Accepted"] = Fault(message, Reason.UNSUPPORTED_ADDRESS)
    elif own and all(each.rejected or each.conflict for each in own):
        bad["Accepted"] = Fault("expected a listener that can be served, got none", Reason.LISTENERS_NOT_VALID)
        bad.setdefault("Programmed", Fault("no listener can be served", Reason.INVALID))
    return bad


def _is_supported(address: GatewayAddress, gateway: KubernetesGateway) -> bool:
    return address.type == "Hostname" or is_managed(gateway)


def _shown(address: GatewayAddress) -> str:
    return f"{address.type or 'IPAddress'} {address.value}".rstrip()


def _status(
    gateway: KubernetesGateway,
    listeners: Listeners,
    attached: Mapping[str, int],
    assigned: Assignment,
    bad: Mapping[str, Fault],
    sets: int,
) -> GatewayStatus:
    generation = generation_of(gateway)
    good = {
        "Accepted": ("Accepted", "the Gateway is served here"),
        "Programmed": ("Programmed", f"served by {', '.join(assigned.served) or 'nobody yet'}"),
    }
    faults = dict(bad)
    if gateway.spec.allowed_listeners.namespaces.from_ != "None":
        good["AttachedListenerSets"] = ("ListenerSetsAttached", f"{sets} listener sets are attached")
        if not sets:
            faults["AttachedListenerSets"] = Fault("no listener set is attached", Reason.NO_LISTENER_SETS)
    own = listeners.get(place_of(gateway), ())
    return GatewayStatus(
        conditions=conditions(generation, good, faults),
        addresses=assigned.addresses,
        listeners=tuple(_listener(each, attached, generation) for each in own),
    )


def _set_status(
    declared: ListenerSet,
    judged: tuple[JudgedListener, ...] | None,
    attached: Mapping[str, int],
    gateway: Mapping[str, Fault],
) -> ListenerSetStatus:
    """`judged` is None where the Gateway does not let the set add listeners."""
    generation = generation_of(declared)
    good = {"Accepted": ("Accepted", "the listeners are added"), "Programmed": ("Programmed", "they are served")}
    bad: dict[str, Fault] = {}
    if judged is None:
        fault = Fault("expected allowedListeners of the Gateway to allow this namespace", Reason.SET_NOT_ALLOWED)
        bad = {"Accepted": fault, "Programmed": fault}
    elif judged and all(each.rejected or each.conflict for each in judged):
        fault = Fault("expected a listener that can be served, got none", Reason.LISTENERS_NOT_VALID)
        bad = {"Accepted": fault, "Programmed": fault}
    elif "Programmed" in gateway:
        bad = {"Programmed": gateway["Programmed"]}
    found = tuple(_listener(each, attached, generation, with_port=True) for each in judged or ())
    return ListenerSetStatus(conditions(generation, good, bad), found)


def _listener(
    judged: JudgedListener, attached: Mapping[str, int], generation: int, *, with_port: bool = False
) -> ListenerStatus:
    good = {
        "Accepted": ("Accepted", "the listener is served here"),
        "Programmed": ("Programmed", "it is sent to the proxies"),
        "ResolvedRefs": ("ResolvedRefs", "everything that it refers to is there"),
    }
    bad: dict[str, Fault] = {}
    rejected = judged.rejected or judged.conflict
    if rejected is not None:
        bad["Accepted"] = rejected
    if judged.unresolved:
        message = "; ".join(map(str, judged.unresolved))
        bad["ResolvedRefs"] = Fault(message, judged.unresolved[-1].reason)
    if not judged.is_served:
        bad["Programmed"] = Fault("; ".join(map(str, judged.faults)), Reason.INVALID)
    conflicted = Condition("Conflicted", "False", "NoConflicts", "no other listener contradicts it", generation)
    if judged.conflict is not None:
        conflicted = Condition("Conflicted", "True", judged.conflict.reason, judged.conflict.message, generation)
    made = (*conditions(generation, good, bad), conflicted)
    return ListenerStatus(
        name=judged.listener.name,
        attached_routes=attached.get(judged.internal, 0),
        supported_kinds=tuple(RouteGroupKind(GROUP, each) for each in judged.kinds),
        conditions=tuple(sorted(made, key=lambda each: each.type)),
        port=judged.listener.port if with_port else 0,
    )
