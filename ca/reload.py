"""Takes over a plugged-in CA whose files changed, without a restart.

Comes in: a watched directory. Goes out: the new bundle in the authority, which wakes whoever depends on it (our own
certificate, the distribution of roots). A change that is broken or not allowed leaves everything as it was.

Source: CA behaviour 1.8 "Hot reload".
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from watchfiles import awatch

from ca import plugged_in
from ca.authority import Authority
from ca.bundle import Bundle
from ca.errors import BundleError

QUIET_MILLISECONDS = 100
"""Files of one change arrive one after the other."""

_log = logging.getLogger("ca")

Watch = Callable[[Path], AsyncIterator[object]]


class PluggedInReload:
    """Follows the directory that a bundle came from."""

    def __init__(
        self, authority: Authority, directory: Path, *, is_multi_root: bool = False, with_revocations: bool = True
    ) -> None:
        """`is_multi_root`: ISTIO_MULTIROOT_MESH, the mesh may trust several roots."""
        self._authority = authority
        self._directory = directory
        self._is_multi_root = is_multi_root
        self._with_revocations = with_revocations

    async def serve_reload(self, watch: Watch | None = None) -> None:
        """Follows changes for ever; ends only by cancellation. `watch`: yields after each change."""
        async for _ in (watch or watch_directory)(self._directory):
            await self.reload()

    async def reload(self) -> bool:
        """Reads the files; whether something new is in force now. Never raises for what is wrong with them."""
        clock = self._authority.clock
        try:
            found = await asyncio.to_thread(
                plugged_in.load, self._directory, now=clock(), with_revocations=self._with_revocations
            )
            before = self._authority.bundle
            if is_same(before, found):
                return False
            check_roots(before.roots, found.roots, is_multi_root=self._is_multi_root)
        except BundleError as error:
            _log.error(f"plugged-in CA stays as it was: {error}")
            return False
        self._authority.replace(found)
        expiry = found.certificate.not_valid_after_utc
        _log.info(f"{self._directory}: the plugged-in CA has changed, it is valid until {expiry:%Y-%m-%dT%H:%M:%SZ}")
        return True


def check_roots(before: str, after: str, *, is_multi_root: bool) -> None:
    """Whether the roots may change so: only where several are allowed, and only by adding or removing some.

    Proxies that trust the old roots and those that trust the new ones must still find one in common.

    Raises: BundleError.
    """
    if before == after:
        return
    if not is_multi_root:
        raise BundleError("root certificates changed, and ISTIO_MULTIROOT_MESH does not allow several")
    if before.strip() not in after and after.strip() not in before:
        raise BundleError("root certificates: expected the old ones with some added or removed, got other ones")


def is_same(one: Bundle, other: Bundle) -> bool:
    """Whether nobody could tell the two apart."""
    return (one.certificate, one.chain, one.roots, one.revocations) == (
        other.certificate,
        other.chain,
        other.roots,
        other.revocations,
    )


async def watch_directory(directory: Path) -> AsyncIterator[object]:
    """Yields after each change of files, when it has been quiet for a moment."""
    async for changes in awatch(directory, step=QUIET_MILLISECONDS, debounce=10 * QUIET_MILLISECONDS):
        yield changes
