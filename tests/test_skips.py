"""A skip is for a stranger's machine: what tests/conftest.py makes of it, seen from outside by running pytest."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shared import REAL_THINGS, ROOT


def run_pytest(directory: Path, source: str, *, ci: bool) -> subprocess.CompletedProcess[str]:
    """Runs one test file under our configuration and hooks."""
    (directory / "test_sample.py").write_text(source)
    environment = {name: value for name, value in os.environ.items() if name not in {"CI", "MESHPILOT_SHARED"}}
    environment |= {"PYTHONPATH": str(ROOT), "MESHPILOT_SHARED": str(directory / "nowhere")} | (
        {"CI": "true"} if ci else {}
    )
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "-q"]
    command += ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(directory), "test_sample.py"]
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("marker", REAL_THINGS)
def test_skipped_test_of_a_real_thing_fails_in_ci_only(tmp_path: Path, marker: str) -> None:
    source = f"import pytest\n@pytest.mark.{marker}\ndef test_it():\n    pytest.skip('nothing real here')\n"
    assert run_pytest(tmp_path, source, ci=False).returncode == 0
    in_ci = run_pytest(tmp_path, source, ci=True)
    assert in_ci.returncode == 1
    assert f"a {marker} test must not be skipped" in in_ci.stdout
    assert "nothing real here" in in_ci.stdout


def test_skip_by_mark_or_fixture_fails_in_ci_too(tmp_path: Path) -> None:
    source = (
        "import pytest\n"
        "@pytest.fixture\ndef envoy():\n    pytest.skip('no envoy')\n"
        "@pytest.mark.live\ndef test_by_fixture(envoy): ...\n"
        "@pytest.mark.live\n@pytest.mark.skip(reason='later')\ndef test_by_mark(): ...\n"
    )
    assert run_pytest(tmp_path, source, ci=False).returncode == 0
    in_ci = run_pytest(tmp_path, source, ci=True)
    assert in_ci.returncode == 1
    assert in_ci.stdout.count("a live test must not be skipped") >= 2


@pytest.mark.parametrize(("user", "code"), [(0, 1), (1000, 0)])
def test_what_needs_root_may_be_skipped_by_others_only(tmp_path: Path, user: int, code: int) -> None:
    source = (
        f"import os, pytest\nos.geteuid = lambda: {user}\n"
        "@pytest.mark.live\n@pytest.mark.root\ndef test_it():\n    pytest.skip('no namespaces')\n"
    )
    assert run_pytest(tmp_path, source, ci=True).returncode == code


def test_other_skips_stay_skips_in_ci(tmp_path: Path) -> None:
    source = "import pytest\n@pytest.mark.skip(reason='not on this platform')\ndef test_it(): ...\n"
    assert run_pytest(tmp_path, source, ci=True).returncode == 0


def test_missing_recordings_are_skipped_aloud_and_fail_in_ci(tmp_path: Path) -> None:
    source = "from tests.shared import shared_path\ndef test_it():\n    shared_path('aux')\n"
    alone = run_pytest(tmp_path, source, ci=False)
    assert alone.returncode == 0
    assert "no recordings at" in alone.stdout
    assert run_pytest(tmp_path, source, ci=True).returncode == 1


def test_module_that_skips_itself_is_an_error_in_ci(tmp_path: Path) -> None:
    source = "from tests.shared import shared_path\nPLACE = shared_path('aux')\ndef test_it(): ...\n"
    assert run_pytest(tmp_path, source, ci=False).returncode == 5  # pytest's code for "no test ran": never a success
    assert run_pytest(tmp_path, source, ci=True).returncode not in {0, 5}
