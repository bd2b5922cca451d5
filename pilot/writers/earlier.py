"""Conditions that stand from an earlier life: those that another replica of ours, or we before a restart, have written.

In: kinds, an API server. Out: for each object that has conditions of ours, their types as a status: as if we had said
them. So what is to be said no more goes, although it stopped being so while nobody of us was there to see it.
"""

import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct, field

from ca.errors import KubernetesError
from pilot.kube_client import KubeClient
from pilot.model.objects import ObjectKey
from pilot.sources.kinds import Kind
from pilot.sources.kubernetes.resources import Resource, plural_of
from pilot.status.authorization import WAYPOINT, ZTUNNEL
from pilot.status.translation import CONDITION
from pilot.status.waypoints import BOUND
from pilot.writers.retry import NOT_FOUND

OURS = frozenset((CONDITION, ZTUNNEL, WAYPOINT, BOUND))
"""Types of conditions that nobody else writes."""
PAGE = 500
_log = logging.getLogger("status")


class _Writer(Struct):
    manager: str = ""
    subresource: str = ""


class _Metadata(Struct):
    name: str
    namespace: str = ""
    uid: str = ""
    written: tuple[_Writer, ...] = field(default=(), name="managedFields")


class _Condition(Struct):
    type: str = ""


class _Status(Struct):
    conditions: tuple[_Condition, ...] = ()


class _Item(Struct):
    metadata: _Metadata
    status: _Status | None = None


class _ListMetadata(Struct):
    more: str = field(default="", name="continue")


class _Page(Struct):
    metadata: _ListMetadata
    items: list[_Item]


async def said_before(
    client: KubeClient, kinds: Iterable[Kind], manager: str
) -> Mapping[ObjectKey, tuple[str, Mapping[str, Any]]]:
    """By object: its uid, and our conditions that stand on it. What cannot be read has none."""
    found: dict[ObjectKey, tuple[str, Mapping[str, Any]]] = {}
    for kind in kinds:
        try:
            async for item in _items(client, kind):
                types = _own_types(item, manager)
                if types:
                    key = ObjectKey(kind.struct.KIND, item.metadata.namespace, item.metadata.name)
                    found[key] = (item.metadata.uid, {"conditions": [{"type": each} for each in types]})
        except (KubernetesError, msgspec.MsgspecError) as error:
            _log.debug(f"{kind.name}: what was said before is not known: {error}")
    return found


def _own_types(item: _Item, manager: str) -> tuple[str, ...]:
    if not any(each.manager == manager and each.subresource == "status" for each in item.metadata.written):
        return ()
    return tuple(each.type for each in (item.status or _Status()).conditions if each.type in OURS)


async def _items(client: KubeClient, kind: Kind) -> AsyncIterator[_Item]:
    """Of the first version that the API server has. Raises: KubernetesError, MsgspecError."""
    resource = Resource(kind, plural_of(kind.name))
    for version in kind.versions:
        more = ""
        try:
            while True:
                path = f"{resource.path(version)}?limit={PAGE}" + (f"&continue={quote(more)}" if more else "")
                page = msgspec.json.decode(await client.read(path), type=_Page)
                for each in page.items:
                    yield each
                more = page.metadata.more
                if not more:
                    return
        except KubernetesError as error:
            if error.status != NOT_FOUND:
                raise
