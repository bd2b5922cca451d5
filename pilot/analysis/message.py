"""What an analysis says, and the forms in which it is printed.

In: a code, the object it is about, arguments. Out: a `Message`; lines and JSON as tools know them from istioctl.
Source: operations 18.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pilot.analysis.codes import CODES, Level
from pilot.analysis.item import Item

_PAGE = "https://istio.io/v1.29/docs/reference/config/analysis/{}/?ref=istioctl-analyze"
"""Where a code is explained: the codes are Istio's."""


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that was found."""

    code: str
    item: Item
    text: str
    path: tuple[str | int, ...] = ()
    """Where in the object, as far as one can say."""

    @property
    def level(self) -> Level:
        """How bad it is."""
        return CODES[self.code].level

    def as_json(self) -> dict[str, object]:
        """As istioctl's `-o json` has it."""
        shown: dict[str, object] = {
            "code": self.code,
            "documentationUrl": _PAGE.format(self.code.lower()),
            "level": str(self.level),
            "message": self.text,
            "origin": self.item.origin,
        }
        reference = self.item.reference(self.path)
        if reference:
            shown["reference"] = reference
        if self.item.cluster:
            shown["cluster"] = self.item.cluster
        return shown

    def as_line(self) -> str:
        """As istioctl's `-o log` has it."""
        where = " ".join(each for each in (self.item.origin, self.item.reference(self.path)) if each)
        return f"{self.level} [{self.code}] ({where}) {self.text}"


def message(code: str, item: Item, *arguments: object, path: tuple[str | int, ...] = ()) -> Message:
    """A message of a code, in the words of its template."""
    return Message(code, item, CODES[code].template.format(*arguments), path)


def in_order(found: Iterable[Message]) -> list[Message]:
    """The worst first, then by code, object and text; what was said twice is said once."""
    once = {(each.code, each.item.origin, each.item.cluster, each.text): each for each in reversed(list(found))}
    return sorted(once.values(), key=lambda each: (-each.level, each.code, each.item.origin, each.text))
