"""Who does not answer is named."""

import asyncio

import click
import pytest

from pilot.cli.asking import ask, ask_json
from tests.pilot.cli.answering import answering, envoy


async def test_answers_are_text_or_json() -> None:
    async with answering(envoy(a="words", b={"c": 1})) as address:
        assert await asyncio.to_thread(ask, address, "/a", {"x": "1"}) == "words"
        assert await asyncio.to_thread(ask_json, f"http://{address}", "b") == {"c": 1}
        with pytest.raises(click.ClickException, match="no such path"):
            await asyncio.to_thread(ask, address, "c")
        with pytest.raises(click.ClickException, match="expected JSON, got 'words'"):
            await asyncio.to_thread(ask_json, address, "a")
    with pytest.raises(click.ClickException, match="no answer"):
        await asyncio.to_thread(ask, address, "a")


def test_only_http_is_asked() -> None:
    with pytest.raises(click.BadParameter, match="expected host:port or an http address"):
        ask("file:///etc", "passwd")
