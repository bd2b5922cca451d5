"""What becomes of a decoded object, by what is wrong with it.

In: an object. Out: the object as it can be served (None: not at all) and faults. Objects that people write are refused
whole, their last good version stays; what controllers write (endpoints, pods) loses only the bad part. The rules are
those of `pilot/validation`, which the admission webhook asks too.
"""

from collections.abc import Iterator

from pilot.model.decoding import Fault
from pilot.model.objects import Object
from pilot.model.problem import Severity
from pilot.validation.endpoints import without_bad_parts
from pilot.validation.objects import find
from pilot.validation.syntax import name_fault


def check_object(checked: Object, namespaced: bool) -> tuple[Object | None, tuple[Fault, ...]]:
    """The object, without what cannot be served, and why."""
    faults = list(_names(checked, namespaced))
    cleaned = without_bad_parts(checked)
    if cleaned is not None:
        kept, found = cleaned
        return (None if faults else kept), (*faults, *found)
    faults += [each.fault for each in find(checked)]
    is_servable = all(each.severity is not Severity.ERROR for each in faults)
    return (checked if is_servable else None), tuple(faults)


def _names(checked: Object, namespaced: bool) -> Iterator[Fault]:
    if not checked.name:
        yield Fault(("metadata", "name"), "expected a name, got nothing")
        return
    places = {"name": checked.name} | ({"namespace": checked.namespace} if namespaced else {})
    for field, text in places.items():
        wrong = name_fault(text)
        if wrong is not None:
            yield Fault(("metadata", field), wrong)
