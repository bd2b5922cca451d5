"""Programs that tests need and that Go builds: made once for each version, and kept outside the repository.

Comes in: a directory with a Go module. Goes out: the path of its program in the user's cache (`XDG_CACHE_HOME` counts).

Skips the calling test, aloud, where there is no Go or the module cannot be built; with CI=true fails it.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

from tests.shared import in_ci

BUILD_SECONDS = 20 * 60


def cache_directory() -> Path:
    """Where built programs are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meshpilot"


def named_version(module: Path, dependency: str) -> str:
    """Of a module's dependency, without the `v`."""
    found = re.search(rf"{re.escape(dependency)} v(\S+)", (module / "go.mod").read_text())
    assert found, f"go.mod names {dependency}"
    return found[1]


def fingerprint(module: Path) -> str:
    """Another one whenever a file of the module is."""
    digest = hashlib.sha256()
    for each in sorted(module.iterdir()):
        digest.update(f"{each.name}\0".encode() + each.read_bytes())
    return digest.hexdigest()[:12]


def build(module: Path, name: str, definitions: dict[str, str] | None = None, remedy: str = "install Go") -> Path:
    """The program `name` of the cache; what it has to be called by its version. Processes that start together build
    once. `definitions`: values of string variables, by package and name."""
    path = cache_directory() / name
    if os.access(path, os.X_OK):
        return path
    go = shutil.which("go")
    if go is None:
        missing(f"there is no {name}, and no Go to build it: {remedy}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with (path.parent / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.access(path, os.X_OK):
            return path
        flags = " ".join(["-s", "-w", *(f"-X {key}={value}" for key, value in (definitions or {}).items())])
        made = path.with_name(f"{name}.new")
        command = ["nice", "-n", "10", go, "build", "-trimpath", "-ldflags", flags, "-o", str(made), "."]
        built = subprocess.run(command, cwd=module, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
        if built.returncode:
            missing(f"{name} cannot be built: {built.stderr[-500:]}")
        made.rename(path)
    return path


def missing(reason: str) -> NoReturn:
    """Skips the test that needs it; with CI=true fails it."""
    if in_ci():
        pytest.fail(f"{reason} (with CI=true nothing is skipped)", pytrace=False)
    pytest.skip(reason, allow_module_level=True)
