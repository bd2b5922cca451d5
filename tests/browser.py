"""A real browser for tests: headless Chromium of this machine, driven by playwright.

Comes in: MESHPILOT_CHROMIUM, else what is on the PATH. Goes out: a running browser that knows no proxy and calls nobody
by itself, or a skipped test (a failed one with CI=true). `make browser` installs it; so does root's first such test.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, async_playwright

from tests.shared import ROOT, in_ci

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
INSTALL_SECONDS: Final = 480
"""Enough for 100 MB over a slow line; arbitrary."""
QUIET: Final = (
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-proxy-server"),
)


def find() -> Path | None:
    """Where Chromium is, if it is."""
    named = os.environ.get("MESHPILOT_CHROMIUM")
    found = named if named and os.access(named, os.X_OK) else next(filter(None, map(shutil.which, NAMES)), None)
    return Path(found) if found else None


@cache
def _install() -> None:
    """Root's tests install it, as they install etcd; elsewhere that is somebody else's business."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["make", "browser"], cwd=ROOT, capture_output=True, timeout=INSTALL_SECONDS, check=False)


def chromium() -> Path:
    """Where it is; skips the test where it is not and cannot be had."""
    if find() is None:
        _install()
    found = find()
    if found is None:
        reason = "no Chromium on the PATH: `make browser` installs it (MESHPILOT_CHROMIUM names another)"
        if in_ci():
            pytest.fail(f"{reason}, and with CI=true nothing is skipped", pytrace=False)
        pytest.skip(reason)
    return found


@contextlib.asynccontextmanager
async def running(path: Path) -> AsyncIterator[Browser]:
    """Started, and in the end stopped."""
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()  # Chromium's own rule: root has none
    async with async_playwright() as driver:
        made = await driver.chromium.launch(executable_path=path, args=[*QUIET, *sandbox])
        try:
            yield made
        finally:
            await made.close()
