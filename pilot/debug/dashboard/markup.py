"""HTML that cannot be injected into: text is escaped unless a function of this module made it.

In: names of elements, texts, attributes. Out: `Html`. Knows no page.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from html import escape
from typing import Final, TypeAlias
from urllib.parse import quote, urlencode

Content: TypeAlias = "str | int | Iterable[Content] | None"
"""What an element holds: `Html` goes in as it is, other text escaped, None not at all."""
_VOID: Final = frozenset({"input", "link", "meta", "br"})
_STEPS: Final = (("day", 86400), ("h", 3600), ("min", 60), ("s", 1))


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(element: str, *children: Content, **attributes: str | int | bool | None) -> Html:
    """One element. Attributes: `class_` is `class`, `data_key` is `data-key`; None and False leave one out."""
    given = "".join(_attribute(name, value) for name, value in attributes.items() if value not in (None, False))
    if element in _VOID:
        return Html(f"<{element}{given}>")
    return Html(f"<{element}{given}>{joined(children)}</{element}>")


def joined(content: Content) -> Html:
    """Content, one piece after the other."""
    return Html("".join(_pieces(content)))


def link(path: str, text: Content, **query: str) -> Html:
    """A link to one of our own pages; `path` is quoted."""
    return tag("a", text, href=address(path, **query))


def address(path: str, **query: str) -> str:
    """Path and query, quoted."""
    given = {name: value for name, value in query.items() if value}
    return quote(path) + (f"?{urlencode(given)}" if given else "")


def table(caption: str, columns: Iterable[str], rows: Iterable[Iterable[Content]], *, empty: str = "none") -> Html:
    """A table that a script may sort. A row's first cell is its heading."""
    body = [tag("tr", *_cells(row)) for row in rows]
    if not body:
        return tag("p", f"{caption}: {empty}.", class_="none")
    head = tag("thead", tag("tr", *(tag("th", each, scope="col") for each in columns)))
    made = tag("table", tag("caption", caption), head, tag("tbody", body), class_="sortable")
    return tag("div", made, class_="scroll", tabindex=0, role="region", aria_label=caption)


def pairs(rows: Mapping[str, Content]) -> Html:
    """Names and values; those without a value are left out."""
    return tag("dl", ((tag("dt", name), tag("dd", value)) for name, value in rows.items() if value not in ("", None)))


def badge(word: str, tone: str = "") -> Html:
    """A word that stands out; the tone (`good`, `warn`, `bad`) never is the only sign."""
    return tag("span", word, class_=f"badge {tone}".strip())


def since(moment: datetime | None, now: datetime) -> Html:
    """`3 min ago`, `in 4 days`; exact for whoever points at it."""
    if moment is None:
        return Html("")
    age = now - moment
    words = f"{span(max(age, timedelta(0)))} ago" if age > -timedelta(seconds=1) else f"in {span(-age)}"
    return tag("time", words, datetime=moment.isoformat(), title=moment.isoformat(sep=" ", timespec="seconds"))


def span(length: timedelta) -> str:
    """The largest unit is enough: `59 s`, `3 min`, `1 day`, `40 days`."""
    seconds = int(length.total_seconds())
    for unit, size in _STEPS:
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}s" if unit == "day" and count > 1 else f"{count} {unit}"
    return "0 s"


def amount(size: float) -> str:
    """Bytes for people: `512 B`, `1.2 kB`, `3.4 MB`."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{int(size)} B"


def _pieces(content: Content) -> Iterator[str]:
    if isinstance(content, str):
        yield content if isinstance(content, Html) else escape(content)
    elif isinstance(content, int):
        yield str(content)
    elif content is not None:
        for each in content:
            yield from _pieces(each)


def _attribute(name: str, value: object) -> str:
    spelled = name.rstrip("_").replace("_", "-")
    return f" {spelled}" if value is True else f' {spelled}="{escape(str(value))}"'


def _cells(row: Iterable[Content]) -> Iterator[Html]:
    for number, each in enumerate(row):
        yield tag("td", each) if number else tag("th", each, scope="row")
