"""Objects of Istio's API that say what objects of other APIs say.

In: the store of declared objects and what changed in it. Out: the converted objects, each the same object as before
where it says the same, and how that changes the mesh. What is written by hand wins over what is converted.
Source: xDS behaviour 5.8, appendix A.21.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pilot.gatewayapi import conversion, networks, waypoints
from pilot.model import ingress_routes
from pilot.model.ingress import Ingress, IngressClass
from pilot.model.kubernetes import KubernetesService, Namespace
from pilot.model.mesh_settings import MeshSettings
from pilot.model.network_gateways import NetworkGateway
from pilot.model.object_store import ObjectStore, Replacement
from pilot.model.objects import Object, ObjectKey
from pilot.model.problem import Problem
from pilot.model.waypoint import Waypoints

_INGRESS = frozenset((Ingress.KIND, IngressClass.KIND))


@dataclass(frozen=True, slots=True)
class Conversions:
    """The converted objects."""

    ingress: Mapping[ObjectKey, Object] = field(default_factory=dict)
    gateway_api: Mapping[ObjectKey, Object] = field(default_factory=dict)
    ingress_problems: tuple[Problem, ...] = ()
    gateway_api_problems: tuple[Problem, ...] = ()
    waypoints: Waypoints = field(default_factory=Waypoints)
    network_gateways: tuple[NetworkGateway, ...] = ()

    @property
    def objects(self) -> Mapping[ObjectKey, Object]:
        """All of them."""
        if not self.gateway_api:
            return self.ingress
        return {**self.ingress, **self.gateway_api} if self.ingress else self.gateway_api

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the objects that are converted."""
        return (*self.ingress_problems, *self.gateway_api_problems)


def update(
    known: Conversions, store: ObjectStore, replaced: tuple[Replacement, ...], settings: MeshSettings, *, anew: bool
) -> tuple[Conversions, tuple[Replacement, ...]]:
    """The conversions after the changes, and which of them are different. `store` already has the changes."""
    made = known
    if anew or _concerns_ingress(known, store, replaced):
        converted, problems = ingress_routes.convert(store, settings)
        made = replace(made, ingress=_keep(known.ingress, converted, store), ingress_problems=problems)
    if _concerns_gateway_api(known, store, replaced, anew=anew):
        converted, problems = conversion.convert(store, settings)
        made = replace(made, gateway_api=_keep(known.gateway_api, converted, store), gateway_api_problems=problems)
        tunnels = waypoints.convert(store, settings)
        made = replace(made, waypoints=known.waypoints if known.waypoints == tunnels else tunnels)
        ways = networks.passthrough(store, settings)
        made = replace(made, network_gateways=known.network_gateways if known.network_gateways == ways else ways)
    if made == known:
        made = known
    if made is known and not anew:
        return known, ()
    return made, tuple(_differences(known.objects, made.objects, store, anew=anew))


def _concerns_gateway_api(
    known: Conversions, store: ObjectStore, replaced: tuple[Replacement, ...], *, anew: bool
) -> bool:
    kinds = {each.key.kind for each in replaced}
    if kinds & conversion.KINDS:
        return True
    return (anew or bool(kinds & conversion.NEEDED)) and (conversion.is_needed(store) or bool(known.gateway_api))


def _concerns_ingress(known: Conversions, store: ObjectStore, replaced: tuple[Replacement, ...]) -> bool:
    kinds = {each.key.kind for each in replaced}
    if kinds & _INGRESS:
        return True
    if not store.kinds.get(Ingress.KIND):
        return False
    return bool(kinds & {KubernetesService.KIND, Namespace.KIND}) or any(
        ingress_routes.SUFFIX in each.key.name for each in replaced
    )


def _keep(
    known: Mapping[ObjectKey, Object], converted: Iterable[Object], store: ObjectStore
) -> Mapping[ObjectKey, Object]:
    """The converted objects by key, without those that somebody wrote; the old objects where nothing is new."""
    made: dict[ObjectKey, Object] = {}
    for each in converted:
        if store.find(each.key) is None:
            old = known.get(each.key)
            made[each.key] = old if old is not None and old == each else each
    same = len(made) == len(known) and all(known.get(key) is each for key, each in made.items())
    return known if same else made


def _differences(
    old: Mapping[ObjectKey, Object], new: Mapping[ObjectKey, Object], store: ObjectStore, *, anew: bool
) -> Iterable[Replacement]:
    """What is not as it was; with `anew` everything. Where somebody wrote such an object, that is what comes."""
    for key in dict.fromkeys((*old, *new)):
        before, after = old.get(key), new.get(key) or store.find(key)
        if anew or before is not after:
            yield Replacement(key, before, after)
