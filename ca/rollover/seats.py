"""Who of several control planes on one state directory conducts a change of root: who holds a lock there.

The system lets go of the lock when its holder ends, however it ends; then another one conducts. For control planes that
share a Secret of Kubernetes instead see `ca.rollover.replicas`.

Source: issue "certificate authority", part 5.
"""

import fcntl
import os
from datetime import timedelta

from ca.errors import RolloverError
from ca.rollover.holders import Laggard
from ca.rollover.stages import Rollover
from ca.state_directory import StateDirectory

_LOCK = ".rollover-lock"


class DirectorySeat:
    """In a state directory."""

    is_shared = False
    pause = timedelta(0)

    def __init__(self, state: StateDirectory) -> None:
        self._state = state
        self._lock = -1

    def is_leading(self) -> bool:
        """Whether we conduct; takes the lock where it is free. Raises: StateError."""
        if self._lock >= 0:
            return True
        descriptor = self._state.open_journal(_LOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        return True

    def check_may_act(self) -> None:
        """Raises: RolloverError where another process conducts."""
        if not self.is_leading():
            raise RolloverError(
                "another control plane on this state directory conducts the change of root: ask that one"
            )

    async def refresh(self, rollover: Rollover | None) -> None:
        """There is nobody to exchange anything with."""

    def missing(self, rollover: Rollover) -> tuple[Laggard, ...]:
        """Nobody: whoever else signs here has the same ledger's file, or none."""
        return ()

    async def leave(self) -> None:
        """Lets go of the lock."""
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1
