from pilot.explain.answer import Explanation
from pilot.resources import Origin


def test_an_explanation_is_data() -> None:
    told = Explanation("p", "GET http://x/")
    told.step("route", "r", ("", "note"), (Origin("A", "n", "a"), Origin("A", "n", "a")))
    assert told.end("done", allowed=True).as_data() == {
        "proxy": "p",
        "request": "GET http://x/",
        "steps": [{"step": "route", "name": "r", "objects": ["A n/a"], "notes": ["note"]}],
        "outcome": "done",
        "allowed": True,
    }
