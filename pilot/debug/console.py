"""The debug pages by name, whoever asks and however: over HTTP or over xDS.

In: a page's name, a query, who asks. Out: status, content type, body. A page is a function that gathers on the event
loop, in slices where that is long, and may leave the making of its value to a thread. Knows neither HTTP nor gRPC.
Source: operations 3.1, 3.2.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import GeneratorType
from typing import Any, Final, TypeVar

import msgspec

from pilot.memo import Work

JSON: Final = "application/json"
T = TypeVar("T")
SLICE: Final = 0.002
"""Seconds that a page may hold the event loop; an answer to somebody else takes several rounds of it."""
TEXT: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a page."""

    query: Mapping[str, str] = field(default_factory=dict)
    namespace: str = ""
    """The namespace that the caller is held to; empty: it may see everything."""
    body: str = ""
    """What was sent along."""

    def get(self, key: str) -> str:
        """One part of the query, or empty."""
        return self.query.get(key, "")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page says."""

    body: bytes = b""
    status: int = 200
    content_type: str = JSON


class Later:
    """A value that is made in a thread, of things that never change."""

    def __init__(self, make: Callable[[], object]) -> None:
        self.make = make


Page = Callable[[Question], object]
"""Gives an `Answer`, a `Later`, a value that becomes JSON, or `Work` that ends in one of them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the list."""

    name: str
    summary: str
    page: Page
    open_to_all: bool = False
    """Callers of any namespace may ask for it, about their own proxies."""
    listed_as: tuple[tuple[str, str], ...] = ()
    """Further entries of the list: a query after the name, and what it does."""


def text(body: str, status: int = 200) -> Answer:
    """An answer in plain text."""
    return Answer(body.encode(), status, TEXT)


class Console:
    """All pages of a control plane."""

    def __init__(self) -> None:
        self._pages: dict[str, Entry] = {}
        self.add(Entry("list", "All debug pages, as JSON.", lambda _: self.names()))

    def add(self, *entries: Entry) -> None:
        """More pages."""
        for each in entries:
            self._pages[each.name] = each

    def find(self, name: str) -> Entry | None:
        """A page by its name."""
        return self._pages.get(name)

    def names(self) -> list[str]:
        """What istiod's `list` says: sorted, with the queries that mean something else, without itself."""
        return sorted(name for name, _ in self.rows() if name != "list")

    def rows(self) -> Iterator[tuple[str, str]]:
        """Names and summaries, sorted."""
        every = [
            row
            for each in self._pages.values()
            for row in ((each.name, each.summary), *((each.name + query, told) for query, told in each.listed_as))
        ]
        yield from sorted(every)

    async def answer(self, name: str, question: Question) -> Answer:
        """What a page says; 404 where there is none."""
        entry = self._pages.get(name)
        if entry is None:
            return text("404 page not found\n", 404)
        found = entry.page(question)
        if isinstance(found, GeneratorType):
            found = await in_slices(found)
        if isinstance(found, Answer):
            return found
        pretty = "pretty" in question.query
        make = found.make if isinstance(found, Later) else lambda: found
        return Answer(await asyncio.to_thread(lambda: encode(make(), pretty=pretty)))


async def in_slices(work: Work[T]) -> T:
    """Does some work on the event loop, which gets to do other things every few milliseconds."""
    ended = time.perf_counter() + SLICE
    while True:
        try:
            next(work)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]  # the type of a generator's value is not kept
        if time.perf_counter() >= ended:
            await asyncio.sleep(0)
            ended = time.perf_counter() + SLICE


def encode(value: object, *, pretty: bool = False) -> bytes:
    """Compact JSON; `pretty` indents."""
    data = msgspec.json.encode(value, enc_hook=_plain)
    return msgspec.json.format(data, indent=2) if pretty else data


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC."""
    return moment.isoformat().replace("+00:00", "Z")


def _plain(value: Any) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(f"a {type(value).__name__} has no JSON")
