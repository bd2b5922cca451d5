"""Namespaces, one by one, for a mesh that may not list them: their labels say which network and which revision is
theirs.

In: the members of the mesh. Out: Namespaces in the inventory, looked at from time to time, since one alone cannot be
watched with rights in it alone. One that may not be read has no labels but its name.
Source: operations 20.3; Kubernetes' authorization (a Role may grant `get` of its own namespace).
"""

import asyncio
import json
from collections.abc import Callable

from msgspec import Raw

from ca.errors import KubernetesError
from pilot.sources.kubernetes.api import ListApi
from pilot.sources.kubernetes.inventory import Inventory
from pilot.sources.kubernetes.members import Members
from pilot.sources.kubernetes.reflector import FORBIDDEN, NOT_FOUND
from pilot.sources.kubernetes.resources import Resource

LOOK_AGAIN = 30.0
NAME_LABEL = "kubernetes.io/metadata.name"


class MemberNamespaces:
    """The Namespaces of the members."""

    def __init__(self, api: ListApi, resource: Resource, members: Members, inventory: Inventory) -> None:
        self._api, self._resource = api, resource
        self._members, self._inventory = members, inventory

    async def serve(self, settled: Callable[[], None]) -> None:
        """Looks at them again and again; `settled` is called when all have been read. Ends only by cancellation."""
        changed = self._members.subscribe()
        try:
            while True:
                changed.clear()
                found = [each for each in sorted(self._members.namespaces or ()) if await self._read(each)]
                self._inventory.retain(self._resource, None, {"": set(found)})
                settled()
                try:
                    async with asyncio.timeout(LOOK_AGAIN):
                        await changed.wait()
                except TimeoutError:
                    continue
        finally:
            self._members.unsubscribe(changed)

    async def _read(self, name: str) -> bool:
        """Whether there is one of that name, as far as we may know."""
        try:
            body = await self._api.read(f"{self._resource.path('v1')}/{name}")
        except KubernetesError as error:
            if error.status == NOT_FOUND:
                return False
            if error.status == FORBIDDEN:
                bare = {"metadata": {"name": name, "labels": {NAME_LABEL: name}}}
                self._inventory.store(self._resource, Raw(json.dumps(bare).encode()))
            return True  # what is known of it stays
        self._inventory.store(self._resource, Raw(body))
        return True
