"""EnvoyFilters that do not do what they seem to.

In: a store. Out: messages. Source: operations 18 (IST0151 to 0155).
"""

from collections.abc import Iterator

from pilot.analysis.item import Item
from pilot.analysis.message import Message, message
from pilot.analysis.store import Store
from pilot.analysis.values import Value, mappings_at, number_at, text_at

_FILTERS = ("HTTP_FILTER", "NETWORK_FILTER")
_ROUTES = ("ROUTE_CONFIGURATION", "HTTP_ROUTE")
_RELATIVE = ("INSERT_BEFORE", "INSERT_AFTER", "REPLACE", "REMOVE")


def operations(store: Store) -> Iterator[Message]:
    """Operations that do nothing where they are, and filters whose order is by chance."""
    versioned: set[str] = set()
    for each in store.of("EnvoyFilter"):
        for index, patch in enumerate(mappings_at(each.spec, "configPatches")):
            yield from _judge(each, patch, versioned, ("spec", "configPatches", index))
            if text_at(patch, "match", "proxy", "proxyVersion"):
                versioned.add(_name(patch))


def _judge(item: Item, patch: Value, versioned: set[str], path: tuple[str | int, ...]) -> Iterator[Message]:
    place, operation = text_at(patch, "applyTo"), text_at(patch, "patch", "operation")
    if operation == "REPLACE" and place not in _FILTERS:
        yield message("IST0152", item, place, path=path)
    elif operation == "ADD" and place in _ROUTES:
        yield message("IST0153", item, place, path=path)
    elif operation == "REMOVE" and place in _ROUTES:
        yield message("IST0154", item, place, path=path)
    elif operation in _RELATIVE and not number_at(item.spec, "priority"):
        name = _name(patch)
        code = "IST0155" if name and name in versioned else "IST0151"
        yield message(code, item, operation, place, path=path)


def _name(patch: Value) -> str:
    return text_at(patch, "patch", "value", "name")
