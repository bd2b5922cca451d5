"""The programs of a real Kubernetes control plane: found, or made once and kept.

Comes in: the environment. Goes out: paths. KUBEBUILDER_ASSETS names a directory with both. Otherwise kube-apiserver is
built by Go from the module beside this file and kept in the user's cache by its version (4 minutes of one core the
first time, nothing afterwards), and etcd is Debian's, which is installed where we are root.

Skips the calling test, aloud, where one cannot be had; with CI=true fails it.
"""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from tests import go_programs
from tests.go_programs import missing

MODULE = Path(__file__).parent / "apiserver"


@cache
def kube_apiserver() -> Path:
    """The API server."""
    given = _given("kube-apiserver")
    if given is not None:
        return given
    version = wanted_version()
    major, minor = version.split(".")[:2]
    named = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor}
    definitions = {f"k8s.io/component-base/version.{name}": value for name, value in named.items()}
    return go_programs.build(MODULE, f"kube-apiserver-{version}", definitions, "install Go, or set KUBEBUILDER_ASSETS")


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
        missing("there is no etcd: apt-get install etcd-server, or KUBEBUILDER_ASSETS names a directory with one")
    return Path(found)


def wanted_version() -> str:
    """Of Kubernetes, as the module says."""
    return go_programs.named_version(MODULE, "k8s.io/kubernetes")


def _given(name: str) -> Path | None:
    directory = os.environ.get("KUBEBUILDER_ASSETS")
    if not directory:
        return None
    path = Path(directory) / name
    if not os.access(path, os.X_OK):
        missing(f"KUBEBUILDER_ASSETS is {directory}, where there is no program {name}")
    return path
