"""Answers to questions, as HTML."""

from datetime import timedelta
from typing import Any

from pilot.debug.dashboard import answers
from tests.pilot.debug.dashboard.scenes import HOSTILE, NOW

TOLD: dict[str, Any] = {
    "proxy": "web-0.shop",
    "request": "GET http://reviews:9080/",
    "steps": [
        {"step": "route", "name": "9080", "notes": ["the first", HOSTILE], "objects": ["VirtualService shop/reviews"]},
        {"step": "endpoints", "name": "none", "notes": [], "objects": []},
    ],
    "outcome": "503 UH: there is no endpoint",
    "allowed": False,
}
PUSHED: dict[str, Any] = {
    "event": 3,
    "time": (NOW - timedelta(minutes=2)).timestamp(),
    "reasons": ["config"],
    "objects": ["VirtualService shop/reviews"],
    "more": 4,
    "proxies": 2,
    "responses": 2,
    "bytes": 2400,
    "seconds": 0.0125,
    "types": {"RDS": {"responses": 2, "bytes": 2400, "updated": 2, "removed": 1}},
}


def test_steps_have_their_objects_and_the_end_is_told_first() -> None:
    made = answers.explanation(TOLD)
    assert made.index("503 UH") < made.index("9080")
    assert "not answered" in made
    assert '<a href="/search?q=reviews">VirtualService shop/reviews</a>' in made
    assert HOSTILE not in made


def test_a_good_end_and_a_question_that_cannot_be_answered() -> None:
    assert ">answered<" in answers.explanation(TOLD | {"allowed": True})
    assert "expected a URL" in answers.explanation("expected a URL")


def test_the_question_keeps_its_url() -> None:
    made = answers.question("web-0.shop-1", 'http://a/"')
    assert 'value="http://a/&quot;"' in made
    assert 'action="/proxies/web-0.shop-1#request"' in made


def test_pushes_say_when_why_to_whom_and_how_much() -> None:
    made = answers.pushed([PUSHED, PUSHED | {"types": {}, "more": 0}], NOW)
    for words in ("2 min ago", "config", "and 4 more", "RDS 2+ 1-", "2.4 kB", "0.013 s", "nothing differed"):
        assert words in made
    assert "nothing was pushed" in answers.pushed([], NOW)
