"""Collections that others than the model read: a set of names with what matters of each, or one single object.

In: an API server, a path. Out: `Names`, kept current, and `watch_object`. Used for definitions of kinds, member lists,
ConfigMaps of the mesh and of the injector.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw

from pilot.sources.kubernetes.api import ListApi
from pilot.sources.kubernetes.reflector import Reflector

T = TypeVar("T")


class Names(Generic[T]):
    """A receiver that remembers of each object what `read` makes of it, by name; `read` gives None: not this one."""

    def __init__(self, read: Callable[[Raw], tuple[str, T] | None], changed: Callable[[str], None]) -> None:
        """`changed` is called with the name of each object that came, went or was changed, and "" after a list."""
        self._read, self._changed = read, changed
        self.known: dict[str, T] = {}
        self._listed: dict[str, T] = {}
        self.is_listed = False

    def begin(self) -> None:
        """A list begins."""
        self._listed = {}

    def add(self, items: list[Raw]) -> None:
        """A part of it."""
        self._listed |= dict(found for item in items if (found := self._read(item)) is not None)

    def finish(self) -> None:
        """It is complete."""
        before, self.known, self._listed = self.known, self._listed, {}
        self.is_listed = True
        for name in sorted(before.keys() | self.known.keys()):
            if before.get(name) != self.known.get(name):
                self._changed(name)
        self._changed("")

    def change(self, type_: str, item: Raw) -> None:
        """One change."""
        found = self._read(item)
        if found is None:
            return
        name, value = found
        if type_ == "DELETED":
            self.known.pop(name, None)
        else:
            self.known[name] = value
        self._changed(name)


async def watch_object(api: ListApi, collection: str, name: str) -> AsyncGenerator[Mapping[str, Any] | None, None]:
    """One object by name as plain values: first as it is (None: not there), then each time that it is changed.

    Never ends by itself, and never gives up. Raises: KubernetesError with status 403 or 404.
    """
    changed = asyncio.Event()
    holder = Names(_plain, lambda _: changed.set())
    reflector = Reflector(api, collection, holder, query=f"fieldSelector=metadata.name%3D{name}")
    following = asyncio.create_task(reflector.serve())
    waiting: asyncio.Task[bool] | None = None
    try:
        while True:
            waiting = asyncio.create_task(changed.wait())
            await asyncio.wait((waiting, following), return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                following.result()
            changed.clear()
            found = holder.known.get(name)
            yield found
    finally:
        following.cancel()
        if waiting is not None:
            waiting.cancel()
        await asyncio.gather(following, return_exceptions=True)


def _plain(item: Raw) -> tuple[str, Mapping[str, Any]] | None:
    value = msgspec.json.decode(item)
    name = value.get("metadata", {}).get("name") if isinstance(value, dict) else None
    return (name, value) if isinstance(name, str) else None
