"""A few answers of an API server, kept in the state directory, so that what cannot be done without them can be done
while it does not answer: the root with which we sign, the keys by which tokens are proven.

In: paths and answers. Out: the last answer to a path. Source: ARCHITECTURE.md (what must outlive a restart).
"""

import logging
from collections.abc import Iterable
from hashlib import sha256

from ca.errors import StateError
from ca.state_directory import StateDirectory

_log = logging.getLogger("kube")


class ReadMemory:
    """Answers to some paths."""

    def __init__(self, state: StateDirectory, paths: Iterable[str]) -> None:
        self._state = state
        self._paths = frozenset(paths)
        self._known: dict[str, bytes] = {}

    def keeps(self, path: str) -> bool:
        """Whether an answer to a path is kept."""
        return path in self._paths

    def save(self, path: str, answer: bytes) -> None:
        """Keeps an answer. Where that cannot be done, it is not."""
        if self._known.get(path) == answer:
            return
        try:
            self._state.write(_name(path), answer)
        except StateError as error:
            _log.warning(f"the answer to {path} is not kept: {error}")
        self._known[path] = answer

    def load(self, path: str) -> bytes | None:
        """The last answer, of this life or another; None where there is none."""
        if path not in self._known:
            try:
                found = self._state.read_private(_name(path))
            except StateError as error:
                _log.warning(f"the answer to {path} is not known: {error}")
                return None
            if found is None:
                return None
            self._known[path] = found
        return self._known[path]


def _name(path: str) -> str:
    """A file for a path."""
    return f"answer-{sha256(path.encode()).hexdigest()[:16]}"
