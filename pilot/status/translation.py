"""What is wrong with objects of Istio's own kinds, said on them: a condition while they are not served as written.

In: statuses, problems, a snapshot. Out: the statuses with that condition. Objects without a mistake are not spoken of:
their status is istiod's. Kinds of the Gateway API have conditions of their own for this. Pure.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pilot.model.objects import ObjectKey
from pilot.model.problem import Problem, Severity
from pilot.model.snapshot import Snapshot
from pilot.sources.kinds import BY_KEY
from pilot.status.condition import Condition, as_data, generation_of

CONDITION: Final = "Translated"
_LONGEST = 4096
"""Characters of a message; arbitrary: more nobody reads."""
Status = Mapping[str, Any]


def with_mistakes(
    found: Mapping[ObjectKey, Status], problems: Iterable[Problem], snapshot: Snapshot
) -> Mapping[ObjectKey, Status]:
    """`found` and a condition `Translated: False` for each object that has an error."""
    lines: dict[ObjectKey, dict[str, None]] = {}
    for each in problems:
        if each.key is not None and each.severity is Severity.ERROR:
            text = ": ".join(filter(None, (each.field, each.message)))
            lines.setdefault(each.key, {})[text] = None
    made = dict(found)
    for key, told in lines.items():
        declared, kind = snapshot.objects.find(key), BY_KEY.get(key.kind)
        if declared is None or kind is None or not kind.strict:
            continue
        message, generation = "; ".join(told)[:_LONGEST], str(generation_of(declared))
        condition = as_data(Condition(CONDITION, "False", "Invalid", message, generation))
        known = made.get(key, {})
        made[key] = {**known, "conditions": [*known.get("conditions", ()), condition]}
    return made
