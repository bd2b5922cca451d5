"""Registrations survive a restart."""

from pathlib import Path

import pytest

from ca.state_directory import StateDirectory
from pilot.model.objects import Metadata
from pilot.model.workload_entry import WorkloadEntry, WorkloadEntrySpec
from pilot.registrations import kept
from pilot.registrations.entries import GROUP

SPEC = WorkloadEntrySpec(address="10.0.0.1")
ENTRY = WorkloadEntry(metadata=Metadata(name="vm", namespace="app", annotations={GROUP: "vms"}), spec=SPEC)
DECLARED = WorkloadEntry(metadata=Metadata(name="other", namespace="app"), spec=SPEC)


def test_what_registered_itself_is_saved_and_loaded(tmp_path: Path) -> None:
    directory = StateDirectory(tmp_path)
    assert kept.load(directory) == ()
    kept.save(directory, [ENTRY, DECLARED])
    assert kept.load(directory) == (ENTRY,)


def test_a_file_that_cannot_be_read_is_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    directory = StateDirectory(tmp_path)
    directory.write("workload-entries.json", b"{half")
    assert kept.load(directory) == ()
    assert "lost" in caplog.text
