"""Rules of a VirtualService that are never used, because rules before them take everything they would.

In: routes in order. Out: warnings, in the words that tools know from istiod. Source: CA behaviour 5.4 (warnings of
VirtualService).
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import asdict, replace

from pilot.model.decoding import Path
from pilot.model.virtual_service import HTTPMatchRequest, HTTPRoute, StringMatch, TCPRoute, TLSRoute
from pilot.validation.finding import Findings, note


@dataclass(frozen=True, slots=True)
class _Prefix:
    """A condition on the beginning of a path, with what is compared beside it."""

    rule: int
    place: Path
    name: str
    prefix: str
    port: int
    method: str
    authority: str
    more: tuple[Mapping[str, str], ...]
    """Headers, parameters, headers that may not be there."""

    def covers(self, other: "_Prefix") -> bool:
        """istiod: looks at exact values and beginnings only; one that is missing later is part of any before."""
        if other.prefix == self.prefix or not other.prefix.startswith(self.prefix) or other.port != self.port:
            return False
        if not (self.method.startswith(other.method) and self.authority.startswith(other.authority)):
            return False
        return all(
            mine.keys() == theirs.keys() and all(value.startswith(theirs[name]) for name, value in mine.items())
            for mine, theirs in zip(self.more, other.more, strict=True)
        )


def http(routes: Sequence[HTTPRoute], path: Path) -> Findings:
    """HTTP routes: equal conditions, and path prefixes that begin with one before."""
    names = [f'"{route.name}"' if route.name else f"#{index}" for index, route in enumerate(routes)]
    matches = [[_frozen(asdict(replace(each, name=""))) for each in route.match] for route in routes]
    own = [[f'"{each.name}"' if each.name else f"#{n}" for n, each in enumerate(route.match)] for route in routes]
    used: set[Path] = set()
    yield from _unused(names, own, matches, path, used)
    found = [
        _prefix(index, (*path, index, "match", position), own[index][position], match)
        for index, route in enumerate(routes)
        for position, match in enumerate(route.match)
        if (*path, index, "match", position) in used and match.uri is not None and match.uri.prefix
    ]
    for before, after in _covered(found):
        what = f"match {after.name} of prefix {after.prefix} is not used"
        reason = f"match {before.name} of prefix {before.prefix} on {names[before.rule]}"
        words = f"virtualService rule {names[after.rule]} {what} (duplicate/overlapping match in rule {reason})"
        yield note(after.place, words)


def _covered(found: Sequence[_Prefix]) -> Iterator[tuple[_Prefix, _Prefix]]:
    """Each pair of which the first covers the second, looked up by beginnings: there may be thousands of prefixes."""
    earlier: dict[str, list[int]] = {}
    lengths: set[int] = set()
    pairs = []
    for position, after in enumerate(found):
        begins = (after.prefix[:length] for length in lengths if length < len(after.prefix))
        candidates = (each for begin in begins for each in earlier.get(begin, ()))
        pairs += [(each, position) for each in candidates if found[each].covers(after)]
        earlier.setdefault(after.prefix, []).append(position)
        lengths.add(len(after.prefix))
    for first, second in sorted(pairs):
        yield found[first], found[second]


def _prefix(rule: int, place: Path, name: str, match: HTTPMatchRequest) -> _Prefix:
    more = (match.headers, match.query_params, match.without_headers)
    texts = tuple({key: _text(value) for key, value in each.items()} for each in more)
    method = _text(match.method) or "exact:GET"
    prefix = match.uri.prefix if match.uri is not None and match.uri.prefix else ""
    return _Prefix(rule, place, name, prefix, match.port, method, _text(match.authority), texts)


def _text(match: StringMatch | None) -> str:
    if match is None:
        return ""
    return f"exact:{match.exact}" if match.exact else f"prefix:{match.prefix}" if match.prefix else ""


def streams(routes: Sequence[TLSRoute | TCPRoute], path: Path) -> Findings:
    """TLS or TCP routes: equal conditions."""
    names = [f"#{index}" for index in range(len(routes))]
    own = [[f"#{position}" for position in range(len(route.match))] for route in routes]
    yield from _unused(names, own, [[_frozen(asdict(each)) for each in route.match] for route in routes], path, set())


def _frozen(value: object) -> Hashable:
    if isinstance(value, Mapping):
        return frozenset((key, _frozen(each)) for key, each in value.items())
    if isinstance(value, StringMatch):
        return (value.exact, value.prefix, value.regex)
    return value if isinstance(value, str | int | tuple) or value is None else repr(value)


def _unused(
    names: Sequence[str],
    matches: Sequence[Sequence[str]],
    values: Sequence[Sequence[Hashable]],
    path: Path,
    used: set[Path],
) -> Findings:
    """What a rule before takes as a whole. `used`: gets the places of conditions that may still hold."""
    seen: dict[Hashable, int] = {}
    takes_all = False
    for index, (name, own) in enumerate(zip(names, values, strict=True)):
        place: Path = (*path, index)
        if takes_all and not own:
            yield note(place, f"virtualService rule {name} not used (only the last rule can have no matches)")
        takes_all = takes_all or not own
        repeated = 0
        for position, value in enumerate(own):
            there = (*place, "match", position)
            if takes_all:
                yield note(there, f"virtualService rule {name} not used (route without matches defined before)")
            elif value in seen:
                repeated += 1
                reason = f"duplicate/overlapping match in rule {names[seen[value]]}"
                yield note(there, f"virtualService rule {name} match {matches[index][position]} is not used ({reason})")
            else:
                seen[value] = index
                used.add(there)
        if own and repeated == len(own):
            yield note(place, f"virtualService rule {name} not used (all matches used by prior rules)")
