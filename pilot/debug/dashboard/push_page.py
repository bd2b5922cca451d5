"""Pushes over time: a chart of what was sent, and the same as a table.

In: samples. Out: a document. The chart is SVG without styles of its own; each bar says its numbers.
"""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from pilot.debug.dashboard.frame import page
from pilot.debug.dashboard.history import between
from pilot.debug.dashboard.markup import Content, Html, amount, joined, pairs, since, table, tag
from pilot.debug.dashboard.rows import Picture, Sample

SLOT: Final = timedelta(seconds=30)
"""What one bar stands for."""
BARS: Final = 30
_WIDTH, _HEIGHT, _STEP = 900, 160, 30


def pushes(picture: Picture, *events: Content) -> str:
    """What was sent in the last quarter of an hour, and since the start. `events`: and because of what."""
    bars = slots(picture.samples)
    last = picture.samples[-1] if picture.samples else Sample(picture.now)
    totals: dict[str, Content] = {
        "Pushes since the start": int(last.pushes),
        "Responses": int(sum(last.responses.values())),
        "By type": ", ".join(f"{name.upper()} {int(count)}" for name, count in sorted(last.responses.items())),
        "Bytes": amount(last.size),
        "Refused by proxies": int(last.refused),
        "Connected now": int(last.proxies),
    }
    rows = [
        (since(each.at, picture.now), int(each.pushes), _by_type(each), amount(each.size), int(each.refused))
        for each in reversed(bars)
        if each.responses or each.pushes or each.refused
    ]
    columns = ("Until", "Pushes", "Responses", "Bytes", "Refused")
    return page(
        "Pushes",
        "/pushes",
        tag("h2", "The last quarter of an hour"),
        _chart(bars, picture.now),
        table("Half a minute each", columns, rows, empty="nothing was sent"),
        events,
        tag("h2", "Since the start"),
        pairs(totals),
    )


def slots(samples: tuple[Sample, ...]) -> list[Sample]:
    """What happened in each slot, oldest first; the last one ends with the last sample."""
    if not samples:
        return []
    end = samples[-1].at
    edges = [_at(samples, end - back * SLOT) for back in range(BARS, -1, -1)]
    known = [each for each in edges if each is not None]
    return [between(earlier, later) for earlier, later in pairwise(known) if earlier is not later]


def _at(samples: tuple[Sample, ...], moment: datetime) -> Sample | None:
    """The last one that is not later; the first one stands for the slot in which counting began."""
    found = None
    for each in samples:
        if each.at > moment:
            break
        found = each
    return found or (samples[0] if samples[0].at - moment < SLOT else None)


def _chart(bars: list[Sample], now: datetime) -> Html:
    highest = max((sum(each.responses.values()) for each in bars), default=0)
    if not highest:
        return tag("p", "Nothing was sent.", class_="none")
    drawn = [_bar(each, highest, BARS - len(bars) + place, now) for place, each in enumerate(bars)]
    axis = (
        tag("line", x1=0, y1=_HEIGHT, x2=_WIDTH, y2=_HEIGHT, class_="axis"),
        tag("text", f"{int(highest)} responses", x=2, y=12),
        tag("text", "now", x=_WIDTH, y=_HEIGHT + 16, text_anchor="end"),
        tag("text", f"{BARS * SLOT.seconds // 60} min ago", x=0, y=_HEIGHT + 16),
    )
    title = tag("title", "Responses sent, half a minute a bar")
    return tag("svg", title, drawn, axis, viewBox=f"0 0 {_WIDTH} {_HEIGHT + 20}", role="img", class_="chart")


def _bar(each: Sample, highest: float, place: int, now: datetime) -> Html:
    count = sum(each.responses.values())
    height = round((_HEIGHT - 20) * count / highest)
    words = f"{_seconds(each.at, now)}: {int(count)} responses, {amount(each.size)}, {int(each.refused)} refused"
    where = {"x": place * _STEP + 2, "y": _HEIGHT - height, "width": _STEP - 4, "height": height}
    tone = "bar bad" if each.refused else "bar"
    return joined((tag("rect", tag("title", words), class_=tone, **where),))


def _seconds(moment: datetime, now: datetime) -> str:
    return f"{max(int((now - moment).total_seconds()), 0)} s ago"


def _by_type(each: Sample) -> str:
    return ", ".join(f"{name.upper()} {int(count)}" for name, count in sorted(each.responses.items()))
