"""`krtz`: what is known and what is made of it, in the shape of istiod's internal collections.

In: the mesh. Out: a debug page: one collection for each kind of object that is known, and those that are derived, each
result with the objects that it came from. Names only: what objects say is at `configz`. Source: operations 3.2.
"""

from collections.abc import Iterable, Iterator, Mapping

from pilot.debug.console import Entry, Later, Question
from pilot.mesh import Mesh
from pilot.model.secret import Secret
from pilot.model.snapshot import Snapshot
from pilot.resources import Origin

NOTHING: dict[str, object] = {}


def entry(mesh: Mesh) -> Entry:
    """The page."""

    def page(_: Question) -> object:
        snapshot, listed = mesh.snapshot, mesh.is_listed
        return Later(lambda: collections(snapshot, is_listed=listed))

    return Entry("krtz", "Objects that are known, and what is made of which.", page)


def collections(snapshot: Snapshot, *, is_listed: bool) -> list[Mapping[str, object]]:
    """Kinds by name, then what is derived."""
    services = ((f"{each.namespace}/{each.hostname}", each.origin) for each in snapshot.services)
    made = [*_declared(snapshot), _derived("Services", "Service, ServiceEntry", services)]
    return [
        {"uid": number, "name": name, "state": {**state, "synced": is_listed}}
        for number, (name, state) in enumerate(made, 1)
    ]


def _declared(snapshot: Snapshot) -> Iterator[tuple[str, dict[str, object]]]:
    for kind, namespaces in sorted(snapshot.objects.kinds.items()):
        if kind != Secret.KIND:
            places = sorted((namespace, name) for namespace, names in namespaces.items() for name in names)
            outputs = {f"{namespace}/{name}" if namespace else name: NOTHING for namespace, name in places}
            yield f"informer[{kind}]", {"outputs": outputs, "inputCollection": "", "inputs": NOTHING}


def _derived(name: str, sources: str, results: Iterable[tuple[str, Origin]]) -> tuple[str, dict[str, object]]:
    outputs: dict[str, object] = {}
    inputs: dict[str, list[str]] = {}
    for key, origin in results:
        outputs[key] = NOTHING
        inputs.setdefault(str(origin), []).append(key)
    shown = {source: {"outputs": sorted(keys), "dependencies": []} for source, keys in sorted(inputs.items())}
    return name, {"outputs": dict(sorted(outputs.items())), "inputCollection": sources, "inputs": shown}
