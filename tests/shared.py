"""Finds the recordings of the real istiod that lie beside the checkout.

Comes in: an environment variable, or the place of this file. Goes out: a path, or a skipped test where the recordings
are not (a failed one with CI=true).

The recordings are no part of this repository: what every machine needs of them was copied to tests/golden/.
"""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"

REAL_THINGS = ("live", "kubernetes", "browser", "shared")
"""Markers of tests that need something that a stranger's machine may lack."""


def in_ci() -> bool:
    """Whether this run must not skip what needs the real thing (CI=true, as every CI service sets it)."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def shared_directory() -> Path:
    """Where the recordings are, or would be: MESHPILOT_SHARED, else `shared` beside the checkout."""
    return Path(os.environ.get("MESHPILOT_SHARED") or ROOT.parent / "shared")


def shared_path(*parts: str) -> Path:
    """A file or directory of the recordings, e.g. `shared_path("aux", "protocol")`.

    Skips the calling test (or, at import time, its module) where it does not exist; with CI=true fails it.
    """
    path = shared_directory().joinpath(*parts)
    if not path.exists():
        reason = f"no recordings at {path} (MESHPILOT_SHARED names another place for them)"
        if in_ci():
            pytest.fail(f"{reason}, and with CI=true nothing is skipped", pytrace=False)
        pytest.skip(reason, allow_module_level=True)
    return path
