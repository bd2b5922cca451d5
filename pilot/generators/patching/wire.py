"""Resources as messages, and back.

In: a resource, or a message that it became. Out: the other. Source: xDS behaviour 7.1.
"""

from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage

from pilot.generators.patching.plan import Plan
from pilot.generators.patching.tally import Tally
from pilot.resources import Resource, resource
from pilot.type_urls import TypeUrl


def message_of(kind: Any, made: Resource) -> Any:
    """The message of class `kind` that a resource holds; a new one, free to be changed."""
    return kind.FromString(AnyMessage.FromString(made.body).value)


def resource_after(type_url: TypeUrl, before: Resource, message: Any, tally: Tally, plan: Plan) -> Resource:
    """The resource of a message that was patched: the same one where nothing was done."""
    if not tally.applied:
        return before
    patches = (plan.patches[number].origin for number in tally.applied)
    return resource(type_url, message.name or before.name, message, (*before.origins, *patches))
