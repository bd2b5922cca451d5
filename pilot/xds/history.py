"""What was pushed lately and because of what: for who asks why a proxy was told something.

In: changes as they are published, responses as they leave, streams as they come and go. Out: rows for a debug page. Two
ring buffers; on the way of a response it costs one tuple. Everything else is put together when somebody asks.
Source: DESIGN, "why".
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from pilot.type_urls import TypeUrl, short_name
from pilot.xds.pushes import Change

EVENTS: Final = 512
SENDS: Final = 16_384
"""Arbitrary: minutes of a busy mesh, 2 MB."""
CAUSES: Final = 20
"""Objects of one event that are named."""


class Published(NamedTuple):
    """One change that was published."""

    number: int
    time: float
    change: Change


class Sent(NamedTuple):
    """One response."""

    event: int
    """The change that was published last before it; 0: none was yet."""
    time: float
    connection: str
    type_url: TypeUrl
    size: int
    updated: int
    removed: int


class History:
    """Remembers, as much as fits."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._events: deque[Published] = deque(maxlen=EVENTS)
        self._sends: deque[Sent] = deque(maxlen=SENDS)
        self._number = 0
        self._since: dict[str, int] = {}
        """The event during which a stream began: what it is told then, it has asked for."""

    def published(self, change: Change) -> None:
        """A change is pushed from now on."""
        self._number += 1
        self._events.append(Published(self._number, self._clock(), change))

    def sent(self, connection: str, type_url: TypeUrl, size: int, updated: int, removed: int) -> None:
        """A response left."""
        self._sends.append(Sent(self._number, self._clock(), connection, type_url, size, updated, removed))

    def connected(self, connection: str) -> None:
        """A stream began."""
        self._since[connection] = self._number

    def disconnected(self, connection: str) -> None:
        """A stream ended."""
        self._since.pop(connection, None)

    def rows(self, wanted: str = "", limit: int = 100) -> list[dict[str, Any]]:
        """Events with what was sent because of them, the newest first; `wanted`: a part of a connection's id.

        Of one proxy, each response is told, and its first ones are told too, without an event.
        """
        sends: dict[int, list[Sent]] = {}
        asked: list[Sent] = []
        for each in self._sends:
            if wanted in each.connection:
                is_first = self._since.get(each.connection) == each.event
                (asked if is_first else sends.setdefault(each.event, [])).append(each)
        rows = [_row(each, sends.get(each.number, ()), bool(wanted)) for each in self._events]
        found = [each for each in rows if each["responses"] or not wanted]
        if asked and wanted:
            found.insert(0, {"event": 0, "time": asked[0].time, "reasons": ["subscribed"], "objects": [],
                             **_totals(asked, asked[0].time), "sent": list(map(_sent, asked))})  # fmt: skip
        return sorted(found, key=lambda each: each["time"], reverse=True)[:limit]


def _row(event: Published, sends: Iterable[Sent], with_sends: bool) -> dict[str, Any]:
    told = tuple(sends)
    row: dict[str, Any] = {
        "event": event.number,
        "time": event.time,
        "reasons": list(event.change.reasons),
        "objects": list(event.change.causes[:CAUSES]),
        **_totals(told, event.time),
    }
    if len(event.change.causes) > CAUSES:
        row["more"] = len(event.change.causes) - CAUSES
    return row | ({"sent": list(map(_sent, told))} if with_sends else {})


def _totals(sends: Iterable[Sent], began: float) -> dict[str, Any]:
    told = tuple(sends)
    types: dict[str, dict[str, int]] = {}
    for each in told:
        found = types.setdefault(short_name(each.type_url), {"responses": 0, "bytes": 0, "updated": 0, "removed": 0})
        for name, value in (
            ("responses", 1),
            ("bytes", each.size),
            ("updated", each.updated),
            ("removed", each.removed),
        ):
            found[name] += value
    return {
        "proxies": len({each.connection for each in told}),
        "responses": len(told),
        "bytes": sum(each.size for each in told),
        "seconds": round(max((each.time for each in told), default=began) - began, 6),
        "types": types,
    }


def _sent(each: Sent) -> dict[str, Any]:
    row = each._asdict() | {"type": short_name(each.type_url)}
    del row["type_url"], row["event"]
    return row
