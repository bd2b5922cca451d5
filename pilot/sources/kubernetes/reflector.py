"""One collection of an API server, kept up to date: listed page by page, then watched from where the list stood.

In: a path. Out: calls of a `Receiver`: what there is, then what changes. A watch that breaks is taken up where it was;
one that came too late for that (410 Gone) is a new list. Failures are tried again more and more rarely, with jitter;
what was known stays. Ends only by cancellation, or where the server says that there is no such collection or that it
is not for us.
Source: Kubernetes API concepts (efficient detection of changes); Kubernetes controllers behaviour 6.1.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import aclosing
from typing import Protocol

from msgspec import MsgspecError, Raw

from ca.errors import KubernetesError
from pilot.sources.kubernetes.api import ListApi
from pilot.sources.kubernetes.decode import decode_event, decode_page, version_of

PAGE = 500
"""Objects in an answer: decoding one takes some 10 ms."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 15.0
WATCH_SECONDS = (240, 480)
"""The server ends a watch after a random time between; so not all of them end together."""
SHORT = 1.0
"""A watch that ends sooner (a server that is stopping, say) is not begun again at once."""
FORBIDDEN, NOT_FOUND, GONE, TOO_MANY = 403, 404, 410, 429
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

_log = logging.getLogger("kube")


class Receiver(Protocol):
    """Is told what a collection holds."""

    def begin(self) -> None:
        """A list begins; one that had begun before never came to its end."""

    def add(self, items: list[Raw]) -> None:
        """A part of the list."""

    def finish(self) -> None:
        """What was not in the list is not there any more."""

    def change(self, type_: str, item: Raw) -> None:
        """ADDED, MODIFIED or DELETED, after a list."""


class Pace:
    """Longer and longer pauses, each of a random length so that not everybody comes back at once."""

    def __init__(self, first: float = FIRST_PAUSE, longest: float = LONGEST_PAUSE) -> None:
        self._first, self._longest = first, longest
        self._next = first

    def reset(self) -> None:
        """It works again."""
        self._next = self._first

    async def pause(self) -> None:
        """Waits."""
        length, self._next = self._next, min(2 * self._next, self._longest)
        await asyncio.sleep(length * random.uniform(0.5, 1.0))


class Reflector:
    """Follows one collection."""

    def __init__(
        self, api: ListApi, path: str, receiver: Receiver, *, query: str = "", metadata_only: bool = False
    ) -> None:
        self._api = api
        self._path = path
        self._query = f"&{query}" if query else ""
        self._receiver = receiver
        self._list_as, self._watch_as = (
            (METADATA_LIST, METADATA) if metadata_only else ("application/json", "application/json")
        )
        self._version = ""
        self._pace = Pace()
        self.failed: Callable[[], None] = lambda: None
        """Is told of each list and watch that failed; may be set."""
        self.fault = ""
        """Why it is behind; empty while it is not."""

    async def serve(self) -> None:
        """Follows it. Raises: KubernetesError with status 403 or 404."""
        while True:
            try:
                if not self._version:
                    await self._list()
                if await self._watch() >= SHORT:
                    self._pace.reset()
                    continue
            except KubernetesError as error:
                if error.status in (FORBIDDEN, NOT_FOUND):
                    raise
                if error.status == GONE:
                    self._version = ""
                    _log.debug(f"{self._path}: listed again: {error}")
                else:
                    self.failed()
                    level = logging.INFO if error.status == TOO_MANY else logging.WARNING
                    _log.log(logging.DEBUG if self.fault else level, f"{error}; what was known stays")
                    self.fault = str(error)
            await self._pace.pause()

    async def _list(self) -> None:
        """Raises: KubernetesError."""
        token, limit = "", PAGE
        while True:
            self._receiver.begin()
            try:
                while True:
                    path = f"{self._path}?limit={limit}{self._query}" + (f"&continue={token}" if token else "")
                    page = decode_page(await self._api.read(path, self._list_as))
                    self._receiver.add(page.items or [])
                    token = page.metadata.continue_
                    if not token:
                        break
            except KubernetesError as error:
                if error.status != GONE or not token:
                    raise
                token, limit = "", 0  # the list took longer than its pages are kept: all at once
                continue
            self._version = page.metadata.resource_version
            self._receiver.finish()
            self._recovered()
            return

    async def _watch(self) -> float:
        """Until the server ends it: how many seconds it lasted. Raises: KubernetesError."""
        begun = asyncio.get_running_loop().time()
        seconds = random.randint(*WATCH_SECONDS)
        path = (
            f"{self._path}?watch=1&allowWatchBookmarks=true&resourceVersion={self._version}"
            f"&timeoutSeconds={seconds}{self._query}"
        )
        async with aclosing(self._api.stream(path, self._watch_as)) as answers:
            async for lines in answers:
                self._take(lines)
                self._recovered()
        return asyncio.get_running_loop().time() - begun

    def _take(self, lines: list[bytes]) -> None:
        last: Raw | None = None
        try:
            for line in lines:
                if not line:
                    continue
                event = decode_event(line)
                if event.type != "BOOKMARK":
                    self._receiver.change(event.type, event.object)
                last = event.object
        finally:
            if last is not None:
                try:
                    self._version = version_of(last) or self._version
                except MsgspecError:
                    self._version = ""

    def _recovered(self) -> None:
        if self.fault:
            _log.info(f"{self._path}: up to date again")
        self.fault = ""
        self._pace.reset()
