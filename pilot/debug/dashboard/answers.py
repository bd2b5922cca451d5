"""Answers to questions, as HTML: what would happen to a request, and what was pushed lately because of what.

In: what `/debug/explain` and `/debug/why` say. Out: `Html`. Asks nobody.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pilot.debug.dashboard.markup import Content, Html, address, amount, badge, joined, link, since, table, tag
from pilot.memo import Work

Explain = Callable[[Any, str], Work[Mapping[str, Any] | str]]
"""What would happen to a request of a proxy to a URL; text: why that cannot be told."""
Why = Callable[[str, int], Iterable[Mapping[str, Any]]]
"""The last pushes (to a connection, or empty: to all), the newest first, so many at most."""
MOST: Final = 30
"""Pushes that are shown."""


def question(connection: str, url: str) -> Html:
    """Where a URL is typed."""
    field = tag(
        "input",
        type="text",
        inputmode="url",
        name="url",
        value=url,
        size=40,
        aria_label="URL",
        placeholder="http://reviews:9080/",
        required=True,
    )
    action = f"{address(f'/proxies/{connection}')}#request"
    return tag("form", field, tag("button", "What would happen?"), action=action, method="get")


def explanation(told: Mapping[str, Any] | str) -> Html:
    """The steps of a request, and its end."""
    if isinstance(told, str):
        return tag("p", told, role="status")
    good = bool(told["allowed"])
    end = tag("p", badge("answered" if good else "not answered", "good" if good else "bad"), " ", told["outcome"])
    steps = [
        (each["step"], each["name"], "; ".join(each["notes"]), _objects(each["objects"])) for each in told["steps"]
    ]
    return joined((tag("div", end, role="status"), table("Steps", ("Step", "Which", "Notes", "Because of"), steps)))


def pushed(rows: Iterable[Mapping[str, Any]], now: datetime) -> Html:
    """What was pushed lately."""
    shown = (
        (
            since(datetime.fromtimestamp(each["time"], UTC), now),
            ", ".join(each["reasons"]),
            (_objects(each["objects"]), f"and {each['more']} more" if each.get("more") else ""),
            each["proxies"],
            ", ".join(f"{name} {told['updated']}+ {told['removed']}-" for name, told in each["types"].items())
            or "nothing differed",
            amount(each["bytes"]),
            f"{each['seconds']:.3f} s",
        )
        for each in rows
    )
    columns = ("When", "Why", "Because of", "Proxies", "Resources", "Bytes", "Took")
    return table("Pushes", columns, shown, empty="nothing was pushed")


def _objects(names: Iterable[str]) -> Content:
    return [(link("/search", name, q=name.rpartition("/")[2].rpartition(" ")[2]), " ") for name in names]
