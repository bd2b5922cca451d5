from collections.abc import Iterator

import pytest

from pilot.analysis import engine
from pilot.analysis.codes import Level
from pilot.analysis.engine import ANALYZERS, Entry, analyze, parse_suppression
from pilot.analysis.message import Message
from pilot.analysis.store import Store
from tests.pilot.analysis.worlds import FRUIT, world

ODD = FRUIT.replace("name: http", "name: odd")


def codes(store: Store, **options: object) -> list[str]:
    return [each.code for each in analyze(store, **options)]  # type: ignore[arg-type]


def test_messages_are_chosen_by_level_name_and_suppression() -> None:
    store = world(ODD)
    assert codes(store) == ["IST0102", "IST0102", "IST0118"]
    assert codes(store, least=Level.WARNING) == []
    assert codes(store, names=["service.PortNames"]) == ["IST0118"]
    assert codes(store, suppressed=[parse_suppression("IST0118=Service fruit.*")]) == ["IST0102", "IST0102"]
    assert codes(store, suppressed=[parse_suppression("IST0102=*")]) == ["IST0118"]
    assert codes(store, suppressed=[parse_suppression("IST0102=Namespace *")]) == ["IST0118"]


def test_an_object_may_ask_not_to_be_judged() -> None:
    quiet = ODD.replace(
        "namespace: shop}", "namespace: shop, annotations: {galley.istio.io/analyze-suppress: IST0118}}"
    )
    assert "IST0118" not in codes(world(quiet))


def test_an_analysis_that_fails_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Store) -> Iterator[Message]:
        raise KeyError("x")

    monkeypatch.setattr(engine, "ANALYZERS", {**ANALYZERS, "broken": Entry(broken, "", "a broken one")})
    assert codes(world(ODD)) == ["IST0001", "IST0102", "IST0102", "IST0118"]


@pytest.mark.parametrize("text", ["IST0118", "NONE=Service a", "IST0118="])
def test_what_cannot_be_suppressed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected CODE"):
        parse_suppression(text)
