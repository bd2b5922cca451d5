"""Registrations survive a restart."""

from pathlib import Path

import pytest

from ca.state_directory import StateDirectory
from pilot.model.objects import Metadata
from pilot.model.workload_entry import WorkloadEntry, WorkloadEntrySpec
from pilot.registrations import kept

ENTRY = WorkloadEntry(metadata=Metadata(name="vm", namespace="app"), spec=WorkloadEntrySpec(address="10.0.0.1"))


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    directory = StateDirectory(tmp_path)
    assert kept.load(directory) == ()
    kept.save(directory, [ENTRY])
    assert kept.load(directory) == (ENTRY,)


def test_a_file_that_cannot_be_read_is_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    directory = StateDirectory(tmp_path)
    directory.write("workload-entries.json", b"{half")
    assert kept.load(directory) == ()
    assert "lost" in caplog.text
