"""What is said of quarantined resources."""

from pilot.model.features import Features
from pilot.model.objects import ObjectKey
from pilot.resources import Origin, resource_of_bytes, resource_set
from pilot.status import refusals
from pilot.type_urls import LISTENER, SECRET
from pilot.view.node import parse_node
from pilot.xds.quarantine import Quarantine, Refusal
from tests.pilot.xds.worlds import node

ORIGINS = (Origin("Gateway", "shop", "main"), Origin("EnvoyFilter", "shop", "lua"))
BAD = resource_set([resource_of_bytes(LISTENER, "l", b"bad", ORIGINS)])
GOOD = resource_set([resource_of_bytes(LISTENER, "l", b"good", ORIGINS)])


def filled() -> Quarantine:
    ward, proxy = Quarantine(), parse_node(node(), Features())
    for number, class_ in enumerate(((proxy.traits, (("app", "web"),)), "others")):
        ward.refused(Refusal((class_, LISTENER), f"p-{number}", "l: script load error", BAD, GOOD), 1_700_000_000.0)
    return ward


def test_each_object_behind_a_resource_has_one_problem() -> None:
    found = refusals.problems(filled().entries())
    text = "LDS l was refused by 2 proxies, its last good version stays until it changes: l: script load error"
    assert [(each.key, each.message) for each in found] == [
        (ObjectKey("Gateway", "shop", "main"), text),
        (ObjectKey("EnvoyFilter", "shop", "lua"), text),
    ]


def test_what_comes_of_no_object_is_a_problem_all_the_same() -> None:
    ward = Quarantine()
    sent = resource_set([resource_of_bytes(SECRET, "key", b"not to be seen")])
    ward.refused(Refusal(("c", SECRET), "p", "", sent, resource_set(())), 0.0)
    (problem,) = refusals.problems(ward.entries())
    assert problem.key is None
    assert problem.message == "SDS key was refused by 1 proxy, it is left out until it changes: no reason given"
    assert "not to be seen" not in str(refusals.rows(ward))


def test_a_row_says_who_refused_what_and_when() -> None:
    first, second = refusals.rows(filled())["quarantined"]
    assert first == {
        "type": "LDS",
        "name": "l",
        "version": BAD["l"].version,
        "servedInstead": GOOD["l"].version,
        "objects": ["Gateway shop/main", "EnvoyFilter shop/lua"],
        "reason": "l: script load error",
        "since": "2023-11-14T22:13:20Z",
        "proxies": "sidecar default app=web",
        "refusedBy": 1,
        "connections": ["p-0"],
    }
    assert second["proxies"] == "others"


def test_a_search_is_shown() -> None:
    ward = Quarantine()
    sent = resource_set([resource_of_bytes(LISTENER, name, b"1") for name in "ab"])
    ward.refused(Refusal(("c", LISTENER), "p-1", "?", sent, resource_set(())), 0.0)
    assert refusals.rows(ward)["searching"] == [{"type": "LDS", "proxies": "c", "asking": "p-1", "suspects": 2}]
