"""The versions are what tools parse."""

import re
from importlib.metadata import version

from pilot.version import ISTIO_VERSION, VERSION


def test_istio_version_is_a_release() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", ISTIO_VERSION)


def test_own_version_is_the_installed_one() -> None:
    assert version("meshpilot") == VERSION
