"""Objects of Istio's kinds that are wrong or dubious in themselves.

In: a store. Out: messages, by the rules that the validating webhook answers by. Source: operations 18 (IST0106, 0130,
0131, 0133), CA behaviour 5.4.
"""

from collections.abc import Iterator
from typing import Final

from pilot.analysis.item import Item
from pilot.analysis.message import Message, message
from pilot.analysis.store import Store
from pilot.analysis.values import Value
from pilot.model.decoding import Unknown, decode_value, path_text
from pilot.sources.kinds import KINDS
from pilot.validation import objects
from pilot.validation.finding import Finding, Weight

_PARTS: Final = ("metadata", "spec", "status")


def objects_of_istio(store: Store) -> Iterator[Message]:
    """What an API server should refuse, or take with a warning; kubectl refuses fields that a kind does not have."""
    for each in store.items:
        kind = KINDS.get((each.group, each.kind))
        if kind is None or not kind.strict or not each.group.endswith("istio.io"):
            continue
        decoded, faults = decode_value(_completed(each), kind.struct, Unknown.WARN)
        for fault in faults:
            yield message("IST0106", each, f"{path_text(fault.path)}: {fault.message}", path=fault.path)
        for finding in objects.find(decoded) if decoded is not None else ():
            yield _said(each, finding)


def _completed(item: Item) -> Value:
    """With the namespace that it is in, and without what only the API server reads."""
    metadata = item.value.get("metadata")
    named = {**metadata, "namespace": item.namespace} if isinstance(metadata, dict) else metadata
    kept = {key: item.value[key] for key in _PARTS if item.value.get(key) is not None}
    return {**kept, "metadata": named or {}}


def _said(item: Item, finding: Finding) -> Message:
    if finding.weight is not Weight.NOTED:
        return message("IST0106", item, finding, path=finding.path)
    if finding.message.startswith("virtualService rule"):
        code = "IST0131" if " match #" in finding.message else "IST0130"
        return message(code, item, f"VirtualService{finding.message.removeprefix('virtualService')}", path=finding.path)
    return message("IST0133", item, finding.message, path=finding.path)
