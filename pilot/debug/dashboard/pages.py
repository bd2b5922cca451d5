"""The pages that are tables: overview, services, problems, certificates, search.

In: a `Picture`. Out: documents. Pages of proxies are in `proxy_pages.py`, the chart in `push_page.py`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from pilot.debug.dashboard import proxy_pages
from pilot.debug.dashboard.frame import page
from pilot.debug.dashboard.markup import Content, Html, address, badge, link, since, table, tag
from pilot.debug.dashboard.rows import Call, CertificateRow, Picture, ServiceRow, Sync
from pilot.model.problem import Problem, Severity
from pilot.resources import Origin

SOON: Final = timedelta(days=30)
"""A certificate of ours that ends so soon is marked."""
MOST: Final = 500
"""Rows of one table; the rest is found by search."""


def overview(picture: Picture) -> str:
    """How everything is, in numbers that lead to the pages."""
    states = Counter(each.state for each in picture.proxies)
    errors = sum(each.severity is Severity.ERROR for each in picture.problems)
    ends = min((each.ends for each in picture.certificates), default=None)
    cards = (
        _card("/proxies", len(picture.proxies), "proxies", _states(states)),
        _card(
            "/services",
            len(picture.services),
            "services",
            f"{sum(each.ready for each in picture.services)} ready endpoints",
        ),
        _card(
            "/problems",
            len(picture.problems),
            "problems",
            badge("1 error" if errors == 1 else f"{errors} errors", "bad" if errors else "good"),
        ),
        _card("/certificates", len(picture.certificates), "certificates", _first_end(ends, picture.now)),
    )
    return page(
        "Overview",
        "/",
        tag("section", cards, class_="cards", aria_label="In numbers"),
        tag("h2", "Proxies that want a look"),
        proxy_pages.listing(
            [each for each in picture.proxies if each.state is not Sync.SYNCED], picture.now, "all in sync"
        ),
        tag("h2", "Problems"),
        _problems(picture.problems[:10]),
        tag("h2", "Objects"),
        table("Objects that were read", ("Kind", "Count"), sorted(picture.objects.items())),
    )


def services(picture: Picture, wanted: str = "") -> str:
    """All services, and who calls them by configuration. `wanted`: the namespace, empty: all."""
    names = sorted({each.namespace for each in picture.services})
    chosen = [each for each in picture.services if wanted in ("", each.namespace)]
    hosts = {each.hostname for each in chosen}
    found = [each for each in picture.calls if not wanted or each.callee in hosts or wanted == each.origin.namespace]
    return page(
        "Services",
        "/services",
        tag("nav", tag("ul", _choices("/services", names, wanted)), class_="choices", aria_label="Namespaces"),
        _services(chosen),
        tag("h2", "Who calls whom, by configuration"),
        tag(
            "p",
            "Routes lead traffic to services; Sidecar objects say what a workload may reach. A sidecar without one may "
            "call every service that it sees.",
        ),
        _calls(found, {each.hostname for each in picture.services}),
    )


def problems(picture: Picture) -> str:
    """Everything that is wrong with the configuration."""
    return page("Problems", "/problems", _problems(picture.problems))


def certificates(picture: Picture) -> str:
    """Roots, our own certificates, those that gateways serve, and the last ones of workloads."""
    workloads = (
        (each.identity, each.instance, _end(each.ends, picture.now, timedelta(hours=1)))
        for each in sorted(picture.workloads, key=lambda each: each.ends)[:MOST]
    )
    return page(
        "Certificates",
        "/certificates",
        _certificates(picture.certificates, picture.now),
        tag("h2", "Workloads"),
        table(
            "The last certificate of each workload", ("Identity", "Which", "Ends"), workloads, empty="none issued yet"
        ),
    )


def search(picture: Picture, words: str) -> str:
    """Everything in which all the words occur."""
    hits = [(name, count, made) for name, count, made in _found(picture, words.lower().split()) if count]
    told = (
        f"{sum(count for _, count, _ in hits)} found."
        if words
        else "Words to look for: names, hosts, kinds, addresses."
    )
    sections = [(tag("h2", name), made) for name, _, made in hits]
    return page(
        f"Search: {words}" if words else "Search", "/search", tag("p", told, role="status"), sections, query=words
    )


def _found(picture: Picture, parts: list[str]) -> Iterator[tuple[str, int, Html]]:
    def has(*texts: object) -> bool:
        whole = " ".join(map(str, texts)).lower()
        return bool(parts) and all(each in whole for each in parts)

    proxies = [
        each for each in picture.proxies if has(each.connection, each.kind, each.identity, each.peer, each.state.value)
    ]
    yield "Proxies", len(proxies), proxy_pages.listing(proxies[:MOST], picture.now, "none found")
    services = [each for each in picture.services if has(each.hostname, each.namespace, *each.ports, each.origin)]
    yield "Services", len(services), _services(services)
    calls = [each for each in picture.calls if has(each.caller, each.host, each.callee, each.origin)]
    yield "Who calls whom", len(calls), _calls(calls, {each.hostname for each in picture.services})
    problems = [each for each in picture.problems if has(each)]
    yield "Problems", len(problems), _problems(problems)
    held = [each for each in picture.certificates if has(each.purpose, each.subject, each.issuer, each.fingerprint)]
    yield "Certificates", len(held), _certificates(held, picture.now)


def _card(path: str, count: int, what: str, more: Content) -> Html:
    return tag("a", tag("strong", count), tag("span", what), tag("span", more, class_="more"), href=path, class_="card")


def _states(states: Counter[Sync]) -> Content:
    shown = [badge(f"{states[state]} {state.value}", proxy_pages.TONES[state]) for state in Sync if states[state]]
    return shown or "none connected"


def _first_end(ends: datetime | None, now: datetime) -> Content:
    return ("the first ends ", _end(ends, now, SOON)) if ends is not None else "none known"


def _choices(path: str, names: list[str], wanted: str) -> Iterator[Html]:
    for name in ("", *names):
        current = "page" if name == wanted else None
        yield tag("li", tag("a", name or "all", href=address(path, namespace=name), aria_current=current))


def _services(rows: list[ServiceRow]) -> Html:
    shown = (
        (
            each.hostname,
            each.namespace,
            ", ".join(each.ports),
            badge(f"{each.ready} of {each.endpoints}", "" if each.is_external or each.ready else "warn"),
            _object(each.origin),
        )
        for each in rows[:MOST]
    )
    made = table("Services", ("Host", "Namespace", "Ports", "Ready endpoints", "Declared by"), shown)
    return Html(made + _more(len(rows)))


def _calls(rows: list[Call], known: set[str]) -> Html:
    shown = (
        (
            each.caller,
            each.host,
            (each.callee, f" subset {each.subset}" if each.subset else "", _unknown(each.callee, known)),
            each.share,
            each.when,
            _object(each.origin),
        )
        for each in rows[:MOST]
    )
    made = table("Calls", ("Who", "Calls", "Reaches", "Share", "When", "Because of"), shown)
    return Html(made + _more(len(rows)))


def _unknown(callee: str, known: set[str]) -> Content:
    is_pattern = " " in callee or "*" in callee
    return None if is_pattern or callee in known else (" ", badge("no such service", "warn"))


def _problems(rows: Sequence[Problem]) -> Html:
    shown = (
        (
            badge(each.severity.value, "bad" if each.severity is Severity.ERROR else "warn"),
            str(each.key) if each.key is not None else "",
            each.field,
            each.message,
            f"{each.file}:{each.line}" if each.file else "",
        )
        for each in rows[:MOST]
    )
    made = table("Problems", ("Severity", "Object", "Field", "What", "Where"), shown)
    return Html(made + _more(len(rows)))


def _certificates(rows: Iterable[CertificateRow], now: datetime) -> Html:
    columns = ("For", "Subject", "Issuer", "Valid from", "Ends", "SHA-256")
    return table("Roots, the control plane, gateways", columns, (_certificate(each, now) for each in rows))


def _certificate(each: CertificateRow, now: datetime) -> tuple[Content, ...]:
    short = tag("code", each.fingerprint[:16], title=each.fingerprint)
    return each.purpose, each.subject, each.issuer, since(each.begins, now), _end(each.ends, now, SOON), short


def _end(ends: datetime, now: datetime, soon: timedelta) -> Content:
    if ends <= now:
        return since(ends, now), " ", badge("expired", "bad")
    return (since(ends, now), " ", badge("soon", "warn")) if ends - now < soon else since(ends, now)


def _object(origin: Origin) -> Html:
    return link("/search", str(origin), q=origin.name)


def _more(count: int) -> Html:
    return tag("p", f"{count - MOST} more: search for them.") if count > MOST else Html("")
