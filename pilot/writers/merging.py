"""A status as it stands and as we would have it, made one.

In: what is stored, what we say (without times), what we said before, the time. Out: the whole status as it is to stand:
times of transitions, what others said. Pure. Source: Kubernetes API conventions (conditions); installation 9.5.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]
CHANGED = "lastTransitionTime"
_BY_CONTROLLER = ("parents", "ancestors")
_IDENTITIES = {"conditions": "type", "listeners": "name"}
"""Lists whose entries have owners each, and what tells them apart."""
_TARGETS = {"parents": "parentRef", "ancestors": "ancestorRef"}


def merge_status(stored: Json, ours: Json, before: Json, controllers: frozenset[str], now: str) -> dict[str, Any]:
    """`before`: what we said last, empty at first; `controllers`: names under which we speak."""
    gone = {name: value for name, value in before.items() if name not in ours and name not in _BY_CONTROLLER}
    merged = {name: value for name, value in stored.items() if name not in gone or name == "conditions"}
    for name, value in ours.items():
        if name == "listeners":
            merged[name] = [_timed(each, _named(stored.get(name), each), now) for each in value]
        elif name not in ("conditions", *_BY_CONTROLLER):
            merged[name] = value
    if "conditions" in ours or "conditions" in before:
        merged["conditions"] = _conditions(stored, ours, before, now)
    for name in _BY_CONTROLLER:
        if name in ours or name in before:
            merged[name] = _entries(name, stored, ours, controllers, now)
    return merged


def own_part(merged: Json, ours: Json, before: Json, *, is_shared: bool) -> dict[str, Any]:
    """What of a merged status we apply: `is_shared`: conditions of others stay without our saying them."""
    part = {name: merged[name] for name in (*ours, *before) if name in merged}
    if is_shared and "conditions" in part:
        types = {each["type"] for each in ours.get("conditions", ())}
        part["conditions"] = [each for each in part["conditions"] if each["type"] in types]
    return part


def with_leftovers(merged: Json, stands: Json) -> dict[str, Any]:
    """Parts of a merged status of which more stands after it was applied: somebody who spoke before us (the control
    plane that was there, say) said the same entries and holds on to them. Empty: there is nothing of that kind.
    """
    return {
        name: merged.get(name, [])
        for name, identity in _IDENTITIES.items()
        if {each.get(identity) for each in stands.get(name) or ()}
        - {each.get(identity) for each in merged.get(name) or ()}
    }


def _conditions(stored: Json, ours: Json, before: Json, now: str) -> list[Json]:
    known = {each.get("type"): each for each in stored.get("conditions") or ()}
    said = {each["type"] for each in (*ours.get("conditions", ()), *before.get("conditions", ()))}
    others = [each for each in stored.get("conditions") or () if each.get("type") not in said]
    return [*others, *(timed(each, known.get(each["type"]), now) for each in ours.get("conditions", ()))]


def timed(condition: Json, stored: Json | None, now: str) -> Json:
    """A condition with the time since when it has its status."""
    since = stored.get(CHANGED) if stored is not None and stored.get("status") == condition["status"] else None
    return {**condition, CHANGED: since or now}


def _timed(entry: Json, stored: Json | None, now: str) -> Json:
    """The same for all conditions of an entry."""
    known = {each.get("type"): each for each in (stored or {}).get("conditions") or ()}
    said: Iterable[Json] = entry.get("conditions") or ()
    return {**entry, "conditions": [timed(each, known.get(each["type"]), now) for each in said]}


def _named(entries: Sequence[Json] | None, wanted: Json) -> Json | None:
    return next((each for each in entries or () if each.get("name") == wanted["name"]), None)


def _entries(name: str, stored: Json, ours: Json, controllers: frozenset[str], now: str) -> list[Json]:
    """Those of other controllers, then ours."""
    target = _TARGETS[name]
    known: Sequence[Json] = stored.get(name) or ()

    def same(entry: Json) -> Json | None:
        wanted = (_reference(entry[target]), entry["controllerName"])
        found = (each for each in known if (_reference(each.get(target) or {}), each.get("controllerName")) == wanted)
        return next(found, None)

    others = [each for each in known if each.get("controllerName") not in controllers]
    return [*others, *(_timed(each, same(each), now) for each in ours.get(name, ()))]


def _reference(value: Json) -> tuple[tuple[str, str], ...]:
    """Without what an API server fills in."""
    return tuple(sorted((key, str(each)) for key, each in value.items() if key not in ("group", "kind") and each))


def is_same(a: Any, b: Any) -> bool:
    """Whether two statuses say the same: the order of lists whose entries have names does not count."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        keys = {key for key in (*a, *b) if not _is_nothing(a.get(key)) or not _is_nothing(b.get(key))}
        return all(is_same(a.get(key), b.get(key)) for key in keys)
    if isinstance(a, Sequence) and isinstance(b, Sequence) and not isinstance(a, str) and not isinstance(b, str):
        return len(a) == len(b) and all(map(is_same, _ordered(a), _ordered(b)))
    return bool(a == b)


def _is_nothing(value: Any) -> bool:
    return value is None or value == [] or value == {}


def _ordered(entries: Sequence[Any]) -> list[Any]:
    return sorted(entries, key=lambda each: str(each.get("type") or each.get("name") or "") if _has_keys(each) else "")


def _has_keys(value: Any) -> bool:
    return isinstance(value, Mapping)
