from pilot.type_urls import CLUSTER, ROUTE
from pilot.xds.history import CAUSES, EVENTS, History
from pilot.xds.pushes import Change


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def test_what_was_sent_belongs_to_what_happened_before() -> None:
    history = History(Clock())
    history.connected("a-1")
    history.sent("a-1", CLUSTER, 10, 2, 0)
    history.published(Change(reasons=("config",), causes=("VirtualService n/v",)))
    history.sent("a-1", ROUTE, 5, 1, 1)
    history.sent("b-2", ROUTE, 5, 1, 0)
    (event,) = history.rows()
    assert (event["reasons"], event["objects"]) == (["config"], ["VirtualService n/v"])
    assert (event["proxies"], event["responses"], event["bytes"], event["seconds"]) == (2, 2, 10, 2.0)
    assert event["types"] == {"RDS": {"responses": 2, "bytes": 10, "updated": 2, "removed": 1}}


def test_one_proxy_is_told_of_its_first_answers_too() -> None:
    history = History(Clock())
    history.connected("a-1")
    history.sent("a-1", CLUSTER, 10, 2, 0)
    history.published(Change(reasons=("endpoint",)))
    history.published(Change(reasons=("config",)))
    history.sent("a-1", ROUTE, 5, 1, 0)
    newest, first = history.rows("a-1")
    assert (newest["reasons"], first["reasons"]) == (["config"], ["subscribed"])
    assert [each["type"] for each in newest["sent"]] == ["RDS"]
    assert history.rows("b") == []
    history.disconnected("a-1")
    assert [each["reasons"] for each in history.rows("a-1")] == [["config"]]


def test_it_is_bounded() -> None:
    history = History(Clock())
    for _ in range(EVENTS + 5):
        history.published(Change(causes=tuple(map(str, range(CAUSES + 3)))))
    rows = history.rows(limit=10_000)
    assert len(rows) == EVENTS
    assert (len(rows[0]["objects"]), rows[0]["more"]) == (CAUSES, 3)
    assert len(history.rows(limit=3)) == 3
