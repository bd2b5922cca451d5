"""Pages by name, whoever asks."""

import asyncio
import json
from types import MappingProxyType

import pytest

from pilot.debug import console as console_module
from pilot.debug.console import TEXT, Console, Entry, Later, Question, encode, text
from pilot.memo import Work


def console() -> Console:
    made = Console()
    made.add(
        Entry("b", "Two.", lambda asked: {"got": asked.get("x")}, listed_as=(("?x=1", "With one."),)),
        Entry("a", "One.", lambda _: Later(lambda: [1, 2])),
        Entry("words", "Text.", lambda _: text("hello", 400)),
    )
    return made


async def test_a_page_answers_with_compact_json() -> None:
    found = await console().answer("b", Question({"x": "7"}))
    assert (found.status, found.content_type, found.body) == (200, "application/json", b'{"got":"7"}')


async def test_pretty_indents() -> None:
    assert (await console().answer("a", Question({"pretty": ""}))).body == b"[\n  1,\n  2\n]"


async def test_long_work_lets_others_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_module, "SLICE", 0.0)
    turns: list[str] = []

    def work() -> Work[object]:
        for _ in range(3):
            turns.append("page")
            yield
        return Later(lambda: {"done": True})

    async def other() -> None:
        while "page" not in turns or len(turns) < 6:
            turns.append("other")
            await asyncio.sleep(0)

    made = Console()
    made.add(Entry("long", "Long.", lambda _: work()))
    asking = asyncio.create_task(made.answer("long", Question()))
    await other()
    assert json.loads((await asking).body) == {"done": True}
    assert "page,other,page" in ",".join(turns)


async def test_text_stays_text() -> None:
    found = await console().answer("words", Question())
    assert (found.status, found.content_type, found.body) == (400, TEXT, b"hello")


async def test_there_is_no_other_page() -> None:
    assert (await console().answer("c", Question())).status == 404


async def test_the_list_names_pages_and_their_queries_but_not_itself() -> None:
    assert json.loads((await console().answer("list", Question())).body) == ["a", "b", "b?x=1", "words"]


def test_values_of_the_model_have_json() -> None:
    assert encode({"a": MappingProxyType({"b": 1})}) == b'{"a":{"b":1}}'
    with pytest.raises(NotImplementedError, match="a object has no JSON"):
        encode(object())
