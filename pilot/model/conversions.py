"""Objects of Istio's API that say what objects of other APIs say.

In: the store of declared objects and what changed in it. Out: the converted objects, each the same object as before
where it says the same, and how that changes the mesh. What is written by hand wins over what is converted.
Source: xDS behaviour 5.8, appendix A.21.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pilot.model import ingress_routes
from pilot.model.ingress import Ingress, IngressClass
from pilot.model.kubernetes import KubernetesService
from pilot.model.mesh_settings import MeshSettings
from pilot.model.object_store import ObjectStore, Replacement
from pilot.model.objects import Object, ObjectKey
from pilot.model.problem import Problem

_INGRESS = frozenset((Ingress.KIND, IngressClass.KIND))


@dataclass(frozen=True, slots=True)
class Conversions:
    """The converted objects."""

    ingress: Mapping[ObjectKey, Object] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    @property
    def objects(self) -> Mapping[ObjectKey, Object]:
        """All of them."""
        return self.ingress


def update(
    known: Conversions, store: ObjectStore, replaced: tuple[Replacement, ...], settings: MeshSettings, *, anew: bool
) -> tuple[Conversions, tuple[Replacement, ...]]:
    """The conversions after the changes, and which of them are different. `store` already has the changes."""
    ingress, problems = known.ingress, known.problems
    if anew or _concerns_ingress(known, store, replaced):
        converted, problems = ingress_routes.convert(store, settings)
        ingress = _keep(known.ingress, converted, store)
    made = known if ingress is known.ingress and problems == known.problems else Conversions(ingress, problems)
    return made, tuple(_differences(known.objects, made.objects, store, anew=anew))


def _concerns_ingress(known: Conversions, store: ObjectStore, replaced: tuple[Replacement, ...]) -> bool:
    kinds = {each.key.kind for each in replaced}
    if kinds & _INGRESS:
        return True
    if not store.kinds.get(Ingress.KIND):
        return False
    return KubernetesService.KIND in kinds or any(ingress_routes.SUFFIX in each.key.name for each in replaced)


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
    if old is new and not anew:
        return
    for key in dict.fromkeys((*old, *new)):
        before, after = old.get(key), new.get(key) or store.find(key)
        if anew or before is not after:
            yield Replacement(key, before, after)
