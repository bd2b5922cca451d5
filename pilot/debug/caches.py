"""What is held in memory for connected proxies, by type.

In: the streams, the mesh. Out: `cachez`. istiod caches resources, we share ready sets: what is shown is what those are,
once for all proxies that share them. Source: operations 3.2.
"""

from collections.abc import Iterator

from pilot import memo
from pilot.debug.console import Entry, Question, text
from pilot.debug.dumps import Dumps
from pilot.debug.proxies import ProxyPages
from pilot.resources import Resource
from pilot.type_urls import TypeUrl

_UNITS = ("B", "kB", "MB", "GB")


def entries(proxies: ProxyPages, dumps: Dumps) -> Iterator[Entry]:
    """The page."""

    def held() -> dict[TypeUrl, dict[str, Resource]]:
        found: dict[TypeUrl, dict[str, Resource]] = {}
        for each in proxies.proxies():
            for type_url, made in dumps.held(each).items():
                found.setdefault(type_url, {}).update(
                    {f"{one.name}@{one.version}": one for one in made.resources.values()}
                )
        return found

    def page(question: Question) -> object:
        if question.get("clear"):
            memo.clear_all()
            return text("Cache cleared\n")
        if question.get("sizes"):
            sizes = {type_url: sum(len(one.body) for one in found.values()) for type_url, found in held().items()}
            told: dict[str, str] = {key: human(size) for key, size in sizes.items() if size}
            return told | {"total": human(sum(sizes.values()))}
        return {key: sorted(one.name for one in found.values()) for key, found in held().items() if found}

    clear = ("?clear=true", "Forgets what can be made again.")
    sizes = ("?sizes=true", "Bytes of what is held, by type.")
    yield Entry("cachez", "What is held for connected proxies.", page, listed_as=(clear, sizes))


def human(size: float) -> str:
    """`0B`, `1.5kB`, `12MB`."""
    unit = 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.3g}{_UNITS[unit]}" if size < 1000 else f"{size:.0f}{_UNITS[unit]}"
