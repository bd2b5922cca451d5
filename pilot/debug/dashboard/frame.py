"""What every page of the dashboard has around it: head, navigation, search.

In: a title, the path of the section, a body. Out: a whole document. No inline style or script, and nothing that would
have to be fetched from elsewhere: `POLICY` forbids both.
"""

from collections.abc import Mapping
from typing import Final

from pilot.debug.dashboard.markup import Content, Html, tag
from pilot.version import ISTIO_VERSION, VERSION

POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""Content-Security-Policy."""
STYLE: Final = "/dashboard/style.css"
SCRIPT: Final = "/dashboard/table.js"
SECTIONS: Final[Mapping[str, str]] = {
    "/": "Overview",
    "/proxies": "Proxies",
    "/services": "Services",
    "/problems": "Problems",
    "/pushes": "Pushes",
    "/certificates": "Certificates",
}


def page(title: str, section: str, *body: Content, query: str = "") -> str:
    """A document. `section`: the path under which the navigation shows it; `query`: what was searched for."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title} · meshpilot"),
        tag("link", rel="stylesheet", href=STYLE),
        tag("link", rel="icon", href="data:,"),
        tag("script", src=SCRIPT, defer=True),
    )
    content = tag(
        "body",
        tag("a", "Skip to content", href="#content", class_="skip"),
        tag("header", tag("strong", "meshpilot"), _navigation(section), _search(query)),
        tag("main", tag("h1", title), *body, id="content", tabindex=-1),
        tag("footer", f"meshpilot {VERSION}, stands in for Istio {ISTIO_VERSION}. Read-only. ", _debug_pages()),
    )
    return f"<!doctype html>{tag('html', head, content, lang='en')}\n"


def _navigation(section: str) -> Html:
    links = [
        tag("li", tag("a", name, href=path, aria_current="page" if path == section else None))
        for path, name in SECTIONS.items()
    ]
    return tag("nav", tag("ul", links), aria_label="Sections")


def _search(query: str) -> Html:
    field = tag("input", type="search", name="q", value=query, aria_label="Search", placeholder="Search", accesskey="s")
    return tag("form", field, tag("button", "Search"), action="/search", method="get", role="search")


def _debug_pages() -> Html:
    return tag("a", "Debug pages", href="/debug")
