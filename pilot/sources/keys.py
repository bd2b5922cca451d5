"""Keeps the public keys of issuers fresh, in the background.

In: the places that policies name. Out: events with key sets; the last good ones stay whatever happens, also over a
restart (in the state directory). Nobody waits for an answer. Source: xDS behaviour 7.6.
"""

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from ca.errors import StateError
from ca.state_directory import StateDirectory
from pilot.model.key_sets import KeySet, KeySource, key_set, key_set_error
from pilot.model.objects import Event, ObjectKey
from pilot.sources.key_fetch import KeysUnavailableError

_log = logging.getLogger("jwks")

REFRESH: Final = timedelta(minutes=20)
AT_ONCE: Final = 8
"""Arbitrary: questions at one time; other places wait."""
_RETRY_FIRST, _RETRY_MOST = 1.0, 300.0
"""Seconds until the second attempt, and between attempts at most; twice as long after each."""

Apply = Callable[[tuple[Event, ...]], None]
Fetch = Callable[[KeySource], Awaitable[str]]
Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """What is known of a place."""

    fetched: datetime | None = None
    """When its keys were had last; None: never by this process."""
    failure: str = ""
    """Why the last attempt brought nothing; empty: it did."""
    failures: int = 0
    """In a row."""


class KeyKeeper:
    """Fetches the keys that are wanted, again and again. `successes` and `failures` count all attempts."""

    def __init__(
        self, fetch: Fetch, state: StateDirectory, refresh: timedelta = REFRESH, pause: Pause = asyncio.sleep
    ) -> None:
        self._fetch, self._state, self._pause = fetch, state, pause
        self._refresh = refresh.total_seconds()
        self._wanted: frozenset[KeySource] = frozenset()
        self._changed = asyncio.Event()
        self._keys: dict[KeySource, str] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.statuses: Mapping[KeySource, KeyStatus] = {}
        self.successes, self.failures = 0, 0

    def remembered(self) -> tuple[Event, ...]:
        """The keys that an earlier process had; to be called once, before everything else. Reads files."""
        for path in sorted(self._state.path.glob("*.json")):
            found = _read(self._state, path.name)
            if found is not None:
                self._keys[found[0]] = found[1]
        return tuple(_event(source, key_set(source, keys)) for source, keys in self._keys.items())

    def want(self, sources: frozenset[KeySource]) -> None:
        """From now on the keys at these places are kept fresh, and no others."""
        if sources != self._wanted or self._keys.keys() - sources:
            self._wanted = sources
            self._changed.set()

    async def serve(self, apply: Apply) -> None:
        """Says what it finds; ends only by cancellation."""
        running: dict[KeySource, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                await self._changed.wait()
                self._changed.clear()
                gone = (running.keys() | self._keys.keys()) - self._wanted
                for source in gone:
                    task = running.pop(source, None)
                    if task is not None:
                        task.cancel()
                await self._forget(gone, apply)
                for source in sorted(self._wanted - running.keys()):
                    running[source] = group.create_task(self._keep(source, apply))

    async def _forget(self, gone: set[KeySource], apply: Apply) -> None:
        if not gone:
            return
        for source in gone:
            self._keys.pop(source, None)
        self.statuses = {source: each for source, each in self.statuses.items() if source not in gone}
        apply(tuple(Event(ObjectKey(KeySet.KIND, "", source.name), None) for source in sorted(gone)))
        await asyncio.to_thread(self._remove, gone)

    def _remove(self, gone: set[KeySource]) -> None:
        for source in gone:
            try:
                (self._state.path / _file(source)).unlink(missing_ok=True)
            except OSError as error:
                _log.warning(f"{self._state.path / _file(source)}: cannot be removed: {error.strerror}")

    async def _keep(self, source: KeySource, apply: Apply) -> None:
        while True:
            await self._pause(await self._ask(source, apply))

    async def _ask(self, source: KeySource, apply: Apply) -> float:
        """One attempt; seconds until the next one."""
        status = self.statuses.get(source, KeyStatus())
        try:
            async with self._slots:
                keys = await self._fetch(source)
        except KeysUnavailableError as error:
            failure = str(error)
            self.failures += 1
            self._note(source, replace(status, failure=failure, failures=status.failures + 1))
            apply((_event(source, key_set(source, self._keys.get(source, ""), failure)),))
            longest = min(_RETRY_MOST, self._refresh)
            wait = min(_RETRY_FIRST * 2.0 ** min(status.failures, 16), longest)
            return wait * random.uniform(0.8, 1.2)
        self.successes += 1
        self._note(source, KeyStatus(datetime.now(UTC)))
        if self._keys.get(source) != keys:
            _log.info(f"keys of {source.url}: {'replaced' if source in self._keys else 'here'}")
            self._keys[source] = keys
            await asyncio.to_thread(self._persist, source, keys)
        apply((_event(source, key_set(source, keys)),))
        return self._refresh * random.uniform(0.9, 1.0)

    def _note(self, source: KeySource, status: KeyStatus) -> None:
        self.statuses = {**self.statuses, source: status}

    def _persist(self, source: KeySource, keys: str) -> None:
        document = {"url": source.url, "discovery": source.is_discovery, "keys": keys}
        try:
            self._state.write(_file(source), json.dumps(document).encode())
        except StateError as error:
            _log.warning(f"keys of {source.url} will not outlive a restart: {error}")


def _event(source: KeySource, found: KeySet) -> Event:
    return Event(ObjectKey(KeySet.KIND, "", source.name), found)


def _file(source: KeySource) -> str:
    return f"{sha256(source.name.encode()).hexdigest()[:32]}.json"


def _read(state: StateDirectory, name: str) -> tuple[KeySource, str] | None:
    try:
        document = json.loads(state.read(name) or b"")
        source, keys = KeySource(str(document["url"]), bool(document["discovery"])), str(document["keys"])
        if key_set_error(keys) is None and _file(source) == name:
            return source, keys
    except (StateError, ValueError, TypeError, KeyError) as error:
        _log.debug(f"{state.path / name}: {error!r}")
    _log.warning(f"{state.path / name}: expected keys of an issuer, got something else: ignored")
    return None
