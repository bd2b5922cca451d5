"""A state directory that can be written to.

In: the one that is wanted. Out: that one, or, in a cluster, a private one that goes with the container: what must
outlive a restart is in the cluster there, and images run with file systems that nobody may write to.
Source: operations 7.1.
"""

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ca.errors import StateError

FLEETING = (Path("/tmp"), Path("/dev/shm"), Path("./var/run/secrets/istio-dns"))
"""Where containers may write although their image cannot be: the last is a volume of istiod's chart."""
_log = logging.getLogger("default")


@contextlib.contextmanager
def usable(wanted: Path, in_cluster: bool, elsewhere: Sequence[Path] = FLEETING) -> Iterator[Path]:
    """For as long as the context lasts. Raises: StateError where there is none."""
    problem = _problem(wanted)
    if not problem or not in_cluster:
        yield wanted
        return
    for each in elsewhere:
        if not _problem(each, makes=False):
            with tempfile.TemporaryDirectory(prefix="meshpilot-", dir=each) as made:
                _log.info(f"{wanted}: {problem}: what does not have to outlive this container is in {made}")
                yield Path(made)
                return
    raise StateError(f"{wanted}: expected a directory that can be written to: {problem}; --stateDir names another")


def _problem(directory: Path, *, makes: bool = True) -> str:
    """Why nothing can be written there; empty where it can."""
    try:
        if makes:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(directory, os.W_OK | os.X_OK):
            return "cannot be written to"
    except OSError as error:
        return error.strerror or str(error)
    return ""
