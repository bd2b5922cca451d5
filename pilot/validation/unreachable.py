"""Rules of a VirtualService that are never used, because rules before them take everything they would.

In: routes in order. Out: warnings, in the words that tools know from istiod. Source: CA behaviour 5.4 (warnings of
VirtualService).
"""

from collections.abc import Hashable, Mapping, Sequence

from msgspec.structs import asdict, replace

from pilot.model.decoding import Path
from pilot.model.virtual_service import HTTPMatchRequest, HTTPRoute, StringMatch, TCPRoute, TLSRoute
from pilot.validation.finding import Findings, note

_Match = tuple[Hashable, str | None]
"""A condition without its path prefix, and that prefix; None: the path is compared in another way, or not at all."""


def http(routes: Sequence[HTTPRoute], path: Path) -> Findings:
    """HTTP routes: equal conditions, and path prefixes that begin with one before."""
    names = [f'"{route.name}"' if route.name else f"#{index}" for index, route in enumerate(routes)]
    matches = [[_http_match(each) for each in route.match] for route in routes]
    yield from _unused(names, matches, path)


def streams(routes: Sequence[TLSRoute | TCPRoute], path: Path) -> Findings:
    """TLS or TCP routes: equal conditions."""
    names = [f"#{index}" for index in range(len(routes))]
    matches: list[list[_Match]] = [[(_frozen(asdict(each)), None) for each in route.match] for route in routes]
    yield from _unused(names, matches, path)


def _http_match(match: HTTPMatchRequest) -> _Match:
    prefix = match.uri.prefix if match.uri is not None else None
    rest = replace(match, uri=StringMatch(prefix="")) if prefix is not None else match
    return _frozen(asdict(replace(rest, name=""))), prefix


def _frozen(value: object) -> Hashable:
    if isinstance(value, Mapping):
        return frozenset((key, _frozen(each)) for key, each in value.items())
    if isinstance(value, StringMatch):
        return (value.exact, value.prefix, value.regex)
    return value if isinstance(value, str | int | tuple) or value is None else repr(value)


def _unused(names: Sequence[str], matches: Sequence[Sequence[_Match]], path: Path) -> Findings:
    seen: dict[Hashable, list[tuple[str | None, int]]] = {}
    takes_all = False
    for index, (name, own) in enumerate(zip(names, matches, strict=True)):
        place: Path = (*path, index)
        if takes_all:
            yield note(place, f"virtualService rule {name} not used (route without matches defined before)")
            continue
        if not own:
            takes_all = True
            continue
        repeated = 0
        for position, (rest, prefix) in enumerate(own):
            before = next((rule for known, rule in seen.get(rest, ()) if _covers(known, prefix)), None)
            if before is None:
                seen.setdefault(rest, []).append((prefix, index))
                continue
            repeated += 1
            reason = f"duplicate/overlapping match in rule {names[before]}"
            words = f"virtualService rule {name} match #{position} is not used ({reason})"
            yield note((*place, "match", position), words)
        if repeated == len(own):
            yield note(place, f"virtualService rule {name} not used (all matches used by prior rules)")


def _covers(known: str | None, prefix: str | None) -> bool:
    if known is None or prefix is None:
        return known is prefix
    return prefix.startswith(known)
