"""Who may see debug pages: this machine, and callers who prove an identity that is trusted with them.

In: identities, the mesh's root namespace. Out: the namespace that a caller is held to, or a refusal. Authenticates
nobody: that is done before. Source: operations 3.1, 3.3.
"""

import re
from collections.abc import Callable
from typing import Final

from pilot.debug.console import Entry
from pilot.operating import DebugSettings

_SPIFFE: Final = re.compile(r"spiffe://[^/]+/ns/(?P<namespace>[^/]+)/sa/[^/]+")


class Refused(Exception):  # noqa: N818 - an answer, not an error
    """This caller may not see this page."""


class Access:
    """The rules."""

    def __init__(self, settings: DebugSettings, root_namespace: Callable[[], str]) -> None:
        self.settings = settings
        self._root = root_namespace

    def admit(self, entry: Entry | None, identities: tuple[str, ...]) -> str:
        """The namespace that a caller with these identities is held to; empty: none. Raises: Refused."""
        if not self.settings.by_namespace:
            return ""
        found = [match["namespace"] for each in identities if (match := _SPIFFE.fullmatch(each))]
        if self._root() in found:
            return ""
        if not found:
            raise Refused("no identity of a namespace")
        if any(each in self.settings.allowed for each in found):
            return next(each for each in found if each in self.settings.allowed)
        if entry is not None and entry.open_to_all:
            return found[0]
        raise Refused(f"namespace {found[0]} may not see it")
