"""Registrations in the state directory, so that a restart of ours does not take workloads out of their services.

In: entries. Out: one file of JSON, replaced as a whole; a file that cannot be read is as good as none. Entries that
somebody declared are declared when we come back, too: they are not kept.
"""

import logging
from collections.abc import Iterable

import msgspec

from ca.state_directory import StateDirectory
from pilot.model.workload_entry import WorkloadEntry
from pilot.registrations.entries import is_registered

_NAME = "workload-entries.json"
_log = logging.getLogger("wle")


def load(directory: StateDirectory) -> tuple[WorkloadEntry, ...]:
    """What was saved last."""
    content = directory.read(_NAME)
    if content is None:
        return ()
    try:
        return tuple(msgspec.json.decode(content, type=tuple[WorkloadEntry, ...]))
    except msgspec.MsgspecError as error:
        _log.error("registrations of workloads are lost: %s: %s", _NAME, error)
        return ()


def save(directory: StateDirectory, entries: Iterable[WorkloadEntry]) -> None:
    """Replaces what was saved. Raises: StateError."""
    directory.write(_NAME, msgspec.json.encode(tuple(filter(is_registered, entries))))
