"""Which namespaces belong to a mesh that may not read the whole cluster: Maistra-style tenancy.

In: a configured list, a ServiceMeshMemberRoll `default` in our own namespace, namespaces labelled
`maistra.io/member-of` with our own one's name. Out: the namespaces, changing at run time, our own always among them;
None until one of the three has named any. Nothing is asked before the first refusal. Source: operations 20.3.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Raw

from ca.errors import KubernetesError
from pilot.sources.kubernetes.api import ListApi
from pilot.sources.kubernetes.named import Names, watch_object
from pilot.sources.kubernetes.reflector import Reflector

ROLLS = "/apis/maistra.io/v1/namespaces/{}/servicemeshmemberrolls"
ROLL = "default"
LABEL = "maistra.io/member-of"
LOOK_AGAIN = 30.0

_log = logging.getLogger("kube")


class Members:
    """The namespaces of one mesh."""

    def __init__(self, api: ListApi, own: str, configured: tuple[str, ...] = ()) -> None:
        self._api, self._own = api, own
        self._configured = frozenset(configured)
        self._rolled: frozenset[str] = frozenset()
        self._labelled: Names[str] = Names(_name, lambda _: self._notify())
        self._tasks: list[asyncio.Task[None]] = []
        self._changes: set[asyncio.Event] = set()

    @property
    def namespaces(self) -> frozenset[str] | None:
        """Those of now; None: not known (yet)."""
        named = self._configured | self._rolled | self._labelled.known.keys()
        return frozenset((*named, self._own)) if named else None

    def begin(self) -> None:
        """Starts to look for members, once."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._follow_roll()), asyncio.create_task(self._follow_labels())]

    async def close(self) -> None:
        """Ends looking."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def subscribe(self) -> asyncio.Event:
        """An event that is set whenever the members may have changed."""
        event = asyncio.Event()
        self._changes.add(event)
        return event

    def unsubscribe(self, event: asyncio.Event) -> None:
        """Ends that."""
        self._changes.discard(event)

    def _notify(self) -> None:
        for each in self._changes:
            each.set()

    async def _follow_roll(self) -> None:
        while True:
            try:
                async for roll in watch_object(self._api, ROLLS.format(self._own), ROLL):
                    found = _members(roll)
                    if found != self._rolled:
                        self._rolled = found
                        _log.info(f"ServiceMeshMemberRoll {self._own}/{ROLL}: {len(found)} namespaces")
                        self._notify()
            except KubernetesError as error:
                _log.debug(f"no member roll: {error}")
            await asyncio.sleep(LOOK_AGAIN)

    async def _follow_labels(self) -> None:
        query = f"labelSelector={quote(f'{LABEL}={self._own}')}"
        reflector = Reflector(self._api, "/api/v1/namespaces", self._labelled, query=query, metadata_only=True)
        while True:
            try:
                await reflector.serve()
            except KubernetesError as error:
                _log.debug(f"no labelled namespaces: {error}")
            await asyncio.sleep(LOOK_AGAIN)


def _members(roll: Mapping[str, Any] | None) -> frozenset[str]:
    """Those that the roll wants, and those that its operator has taken up."""
    found = roll or {}
    lists = ((found.get("spec") or {}).get("members"), (found.get("status") or {}).get("configuredMembers"))
    return frozenset(each for names in lists if isinstance(names, list) for each in names if isinstance(each, str))


def _name(item: Raw) -> tuple[str, str] | None:
    value = msgspec.json.decode(item)
    name = value.get("metadata", {}).get("name") if isinstance(value, dict) else None
    return (name, name) if isinstance(name, str) else None
