"""The pages of proxies: all of them, and one with its explained configuration.

In: rows of proxies, an `Explained`. Out: documents.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from pilot.debug.dashboard.explained import ClusterRow, Explained, ListenerRow, RouteRow
from pilot.debug.dashboard.frame import page
from pilot.debug.dashboard.markup import Content, Html, address, amount, badge, joined, link, pairs, since, table, tag
from pilot.debug.dashboard.rows import Picture, ProxyRow, Sync, TypeRow
from pilot.resources import Origin

TONES: Final[Mapping[Sync, str]] = {
    Sync.REFUSED: "bad",
    Sync.WAITING: "warn",
    Sync.SYNCED: "good",
    Sync.NOT_SENT: "",
}
COLUMNS: Final = ("CDS", "LDS", "EDS", "RDS", "ECDS")
PAGE: Final = 200
"""Proxies on one page."""
MOST: Final = 400
"""Rows of one table of a proxy."""


def proxies(picture: Picture, state: str = "", number: int = 1) -> str:
    """All connected proxies, worst first; `state` chooses, `number` counts pages from 1."""
    order = list(Sync)
    chosen = [each for each in picture.proxies if state in ("", each.state.value)]
    chosen.sort(key=lambda each: (order.index(each.state), each.connection))
    last = max((len(chosen) + PAGE - 1) // PAGE, 1)
    number = min(max(number, 1), last)
    shown = chosen[(number - 1) * PAGE : number * PAGE]
    states = [("", "all"), *((each.value, each.value) for each in Sync)]
    return page(
        "Proxies",
        "/proxies",
        tag("nav", tag("ul", _choices("/proxies", states, state)), class_="choices", aria_label="States"),
        listing(shown, picture.now, "none connected"),
        _turning(state, number, last),
    )


def proxy(row: ProxyRow, found: Explained, now: datetime, wanted: str = "", *questions: Content) -> str:
    """One proxy: who it is, what it accepted, and what it was told, with the objects behind it.

    `wanted`: only rows in which this text occurs. `questions`: what else may be asked of it, and the answers.
    """
    told: dict[str, Content] = {
        "Kind": row.kind,
        "Namespace": row.namespace,
        "Identity": row.identity or "none proven: a plaintext stream",
        "Version": row.version,
        "Cluster": row.cluster,
        "Peer": row.peer,
        "Protocol": row.protocol,
        "Connected": since(row.connected_at, now),
    }
    columns = ("Type", "State", "Resources", "Bytes", "Version", "Sent", "What it said")
    return page(
        row.proxy,
        "/proxies",
        tag("p", _state(row.state), " ", _elsewhere(row)),
        pairs(told),
        tag("h2", "What it accepted"),
        table("Types", columns, (_type(each, found.sizes.get(each.name), now) for each in row.types)),
        questions,
        tag("h2", "Its configuration, explained", id="configuration"),
        _filter(row, wanted),
        tag("h3", "Where connections come in"),
        _listeners([each for each in found.listeners if _has(each, wanted)]),
        tag("h3", "Where requests go"),
        _routes([each for each in found.routes if _has(each, wanted)]),
        tag("h3", "What it can call"),
        _clusters([each for each in found.clusters if _has(each, wanted)]),
        tag("h3", "What else it was given"),
        table(
            "Other resources",
            ("Type", "Name", "Bytes", "Made from"),
            ((each.type, each.name, amount(each.size), _origins(each.origins)) for each in found.others[:MOST]),
        ),
    )


def unknown(connection: str) -> str:
    """What is said of a proxy that is not connected."""
    words = "It is not connected to this control plane now; it may be to another replica."
    return page(connection, "/proxies", tag("p", words))


def listing(rows: Iterable[ProxyRow], now: datetime, empty: str) -> Html:
    """A table of proxies."""
    columns = ("Proxy", "State", *COLUMNS, "Kind", "Namespace", "Version", "Connected")
    return table("Proxies", columns, (_cells(each, now) for each in rows), empty=empty)


def _cells(row: ProxyRow, now: datetime) -> list[Content]:
    by_name = {each.name: each for each in row.types}
    states: list[Content] = []
    for name in COLUMNS:
        found = by_name.get(name)
        states.append(badge(found.state.value, TONES[found.state]) if found is not None else "–")
    name = link(f"/proxies/{row.connection}", row.proxy)
    return [name, _state(row.state), *states, row.kind, row.namespace, row.version, since(row.connected_at, now)]


def _state(state: Sync) -> Html:
    return badge(state.value, TONES[state])


def _type(each: TypeRow, size: tuple[int, int] | None, now: datetime) -> list[Content]:
    count, weight = size or (0, 0)
    return [
        each.name,
        _state(each.state),
        count,
        amount(weight),
        tag("code", each.version),
        since(each.sent_at, now),
        each.error,
    ]


def _elsewhere(row: ProxyRow) -> Html:
    dump = link("/debug/config_dump", "configuration as JSON", proxyID=row.connection)
    status = link("/debug/syncz", "sync state as JSON", namespace=row.namespace)
    return joined((dump, " · ", status))


def _filter(row: ProxyRow, wanted: str) -> Html:
    field = tag(
        "input", type="search", name="q", value=wanted, aria_label="Only rows with", placeholder="Only rows with …"
    )
    action = address(f"/proxies/{row.connection}")
    return tag("form", field, tag("button", "Filter"), action=f"{action}#configuration", method="get", class_="filter")


def _has(row: object, wanted: str) -> bool:
    return not wanted or wanted.lower() in str(row).lower()


def _listeners(rows: list[ListenerRow]) -> Html:
    shown = (
        (
            each.name,
            each.address,
            each.direction,
            [(_jump("route", name), " ") for name in each.routes[:8]],
            [(_jump("cluster", name), " ") for name in each.clusters[:8]],
            each.chains,
            _origins(each.origins),
        )
        for each in rows[:MOST]
    )
    columns = ("Listener", "Address", "Direction", "Looks in routes", "Goes straight to", "Chains", "Made from")
    return _cut(table("Listeners", columns, shown), len(rows))


def _routes(rows: list[RouteRow]) -> Html:
    tables: dict[str, None] = {}
    shown: list[tuple[Content, ...]] = []
    for each in rows[:MOST]:
        is_first = each.table not in tables
        tables[each.table] = None
        name = tag("span", each.table, id=_anchor("route", each.table) if is_first else None)
        goes = [(_jump("cluster", one), f" {share} " if share else " ") for one, share in each.clusters]
        domains = ", ".join(each.domains[:3]) + (f" and {len(each.domains) - 3} more" if len(each.domains) > 3 else "")
        shown.append((name, domains, each.match, goes or each.action, each.made_by))
    columns = ("Route table", "Hosts", "Path and conditions", "Goes to", "Because of")
    return _cut(table("Routes", columns, shown), len(rows))


def _clusters(rows: list[ClusterRow]) -> Html:
    shown = (
        (
            tag("span", each.name, id=_anchor("cluster", each.name)),
            each.kind,
            badge(f"{each.ready} of {each.endpoints}", "" if each.ready or not _has_endpoints(each) else "warn"),
            "TLS" if each.is_encrypted else "plaintext",
            _origins(each.origins),
        )
        for each in rows[:MOST]
    )
    return _cut(table("Clusters", ("Cluster", "Type", "Ready endpoints", "Transport", "Made from"), shown), len(rows))


def _has_endpoints(each: ClusterRow) -> bool:
    """Whether it should have some."""
    return each.kind in ("EDS", "STATIC", "STRICT_DNS", "LOGICAL_DNS")


def _origins(origins: tuple[Origin, ...]) -> Content:
    more = (f" and {len(origins) - 5} more",) if len(origins) > 5 else ()
    return [(link("/search", str(each), q=each.name), " ") for each in origins[:5]], more


def _jump(kind: str, name: str) -> Html:
    return tag("a", name, href=f"#{_anchor(kind, name)}")


def _anchor(kind: str, name: str) -> str:
    return f"{kind}-{''.join(each if each.isalnum() else '-' for each in name)}"


def _choices(path: str, names: list[tuple[str, str]], wanted: str) -> list[Html]:
    return [
        tag("li", tag("a", text, href=address(path, state=name), aria_current="page" if name == wanted else None))
        for name, text in names
    ]


def _turning(state: str, number: int, last: int) -> Html:
    before = link("/proxies", "previous", state=state, page=str(number - 1)) if number > 1 else None
    after = link("/proxies", "next", state=state, page=str(number + 1)) if number < last else None
    return tag("nav", before, f" page {number} of {last} ", after, aria_label="Pages") if last > 1 else Html("")


def _cut(made: Html, count: int) -> Html:
    return Html(made + tag("p", f"{count - MOST} more: filter for them.")) if count > MOST else made
