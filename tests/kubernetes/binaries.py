"""The programs of a real Kubernetes control plane: found, or made once and kept.

Comes in: the environment. Goes out: paths. KUBEBUILDER_ASSETS names a directory with both. Otherwise kube-apiserver is
built by Go from the module beside this file and kept in the user's cache by its version (4 minutes of one core the
first time, nothing afterwards), and etcd is Debian's, which is installed where we are root.

Skips the calling test, aloud, where one cannot be had; with CI=true fails it.
"""

import fcntl
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

from tests.shared import in_ci

MODULE = Path(__file__).parent / "apiserver"
BUILD_SECONDS = 20 * 60


@cache
def kube_apiserver() -> Path:
    """The API server."""
    given = _given("kube-apiserver")
    if given is not None:
        return given
    version = wanted_version()
    path = cache_directory() / f"kube-apiserver-{version}"
    if not os.access(path, os.X_OK):
        _build(path, version)
    return path


@cache
def etcd() -> Path:
    """Its store."""
    found = _given("etcd") or shutil.which("etcd")
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "etcd-server"]
        subprocess.run(["apt-get", "update", "-qq"], env=environ, capture_output=True, check=False)
        subprocess.run(install, env=environ, capture_output=True, check=False)
        found = shutil.which("etcd")
    if found is None:
        _missing("there is no etcd: apt-get install etcd-server, or KUBEBUILDER_ASSETS names a directory with one")
    return Path(found)


def wanted_version() -> str:
    """Of Kubernetes, as the module says."""
    found = re.search(r"k8s\.io/kubernetes v(\S+)", (MODULE / "go.mod").read_text())
    assert found, "go.mod names k8s.io/kubernetes"
    return found[1]


def cache_directory() -> Path:
    """Where built programs are kept, outside the repository."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meshpilot"


def _given(name: str) -> Path | None:
    directory = os.environ.get("KUBEBUILDER_ASSETS")
    if not directory:
        return None
    path = Path(directory) / name
    if not os.access(path, os.X_OK):
        _missing(f"KUBEBUILDER_ASSETS is {directory}, where there is no program {name}")
    return path


def _build(path: Path, version: str) -> None:
    """Builds to a temporary name and renames; processes that start together build once."""
    go = shutil.which("go")
    if go is None:
        _missing("there is no kube-apiserver, and no Go to build it: install Go, or set KUBEBUILDER_ASSETS")
    path.parent.mkdir(parents=True, exist_ok=True)
    with (path.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.access(path, os.X_OK):
            return
        major, minor = version.split(".")[:2]
        package = "k8s.io/component-base/version"
        named = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor}
        flags = " ".join(["-s", "-w", *(f"-X {package}.{name}={value}" for name, value in named.items())])
        made = path.with_suffix(".new")
        command = ["nice", "-n", "10", go, "build", "-trimpath", "-ldflags", flags, "-o", str(made), "."]
        built = subprocess.run(command, cwd=MODULE, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
        if built.returncode:
            _missing(f"kube-apiserver {version} cannot be built: {built.stderr[-500:]}")
        made.rename(path)


def _missing(reason: str) -> NoReturn:
    if in_ci():
        pytest.fail(f"{reason} (with CI=true nothing is skipped)", pytrace=False)
    pytest.skip(reason, allow_module_level=True)
