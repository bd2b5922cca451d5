"""Versions of the mesh for writers."""

import asyncio

import pytest

from pilot.writers import following
from pilot.writers.following import changes


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "LOOK", 0.001)


async def test_the_first_value_is_seen_at_once_and_another_object_later() -> None:
    values = [object()]
    signs = changes(lambda: values[-1])
    await anext(signs)
    waiting = asyncio.ensure_future(anext(signs))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    values.append(object())
    await asyncio.wait_for(waiting, 5)


async def test_what_is_due_is_a_sign_too() -> None:
    due = [False]
    signs = changes(lambda: None, due=lambda: due[0])
    await anext(signs)
    due[0] = True
    await asyncio.wait_for(anext(signs), 5)
