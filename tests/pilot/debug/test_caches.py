"""What is held for proxies."""

from typing import Any

import pytest

from pilot.debug import caches
from pilot.debug.console import Answer, Question
from pilot.debug.dumps import Dumps
from pilot.debug.proxies import ProxyPages, Streams
from pilot.type_urls import CLUSTER
from tests.pilot.debug.worlds import bookinfo, connections


def page(*, empty: bool = False) -> Any:
    mesh = bookinfo()
    proxies = ProxyPages(mesh, Streams(lambda: [] if empty else connections(mesh)))
    (entry,) = caches.entries(proxies, Dumps(mesh, proxies))
    return entry.page


def test_names_by_type() -> None:
    assert "BlackHoleCluster" in page()(Question())[CLUSTER]


def test_sizes_by_type() -> None:
    told = page()(Question({"sizes": "true"}))
    assert told[CLUSTER].endswith("kB")
    assert page(empty=True)(Question({"sizes": "true"})) == {"total": "0B"}


def test_clearing_is_told_and_harmless() -> None:
    ask = page()
    before = ask(Question())
    told = ask(Question({"clear": "true"}))
    assert isinstance(told, Answer)
    assert told.body == b"Cache cleared\n"
    assert ask(Question()) == before


@pytest.mark.parametrize(("size", "text"), [(0, "0B"), (1500, "1.5kB"), (12_000_000, "12MB"), (5e12, "5000GB")])
def test_sizes_for_people(size: float, text: str) -> None:
    assert caches.human(size) == text
