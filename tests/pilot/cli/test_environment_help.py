"""The list of variables is true and whole."""

import re

from click.testing import CliRunner

from pilot import unsupported
from pilot.cli import environment_help
from pilot.cli.discovery import main
from pilot.cli.environment_texts import TEXTS
from tests.shared import ROOT


def test_every_variable_has_its_default_and_a_meaning() -> None:
    found = {name: (default, meaning) for name, default, meaning in environment_help.rows()}
    assert found["DEFAULT_WORKLOAD_CERT_TTL"][0] == "24h"
    assert found["DISABLE_SHADOW_HOST_SUFFIX"][0] == "true"
    assert found["ENABLE_NATIVE_SIDECARS"][0] == "auto"
    assert found["PILOT_ENABLE_AMBIENT"][0] == "false"
    assert found["PILOT_JWT_PUB_KEY_REFRESH_INTERVAL"][0] == "20m"
    assert found["VALIDATION_WEBHOOK_CONFIG_NAME"][0] == "istio-istio-system"
    assert list(found) == sorted(found)


def test_every_text_is_of_a_variable_that_is_read_and_one_line() -> None:
    assert set(TEXTS) == {name for name, _, _ in environment_help.rows()}
    assert all(text[-1] == "." and "\n" not in text for text in TEXTS.values())


def test_what_is_read_is_not_said_to_be_without_effect() -> None:
    told = [name for name, _ in environment_help.without_effect()]
    assert told == sorted(told)
    assert not set(told) & set(TEXTS)
    sources = (path for part in ("pilot", "ca", "webhook") for path in (ROOT / part).rglob("*.py"))
    not_ours = {ROOT / "pilot" / "unsupported.py", *(ROOT / "pilot" / "agent").rglob("*.py")}
    reading = "\n".join(path.read_text() for path in sources if path not in not_ours)
    words = {"SERVICE_ACCOUNT"}  # of nodes' metadata, too
    assert [name for name in told if name not in words and re.search(rf'"{name}"', reading)] == []


def test_the_command_lists_them() -> None:
    result = CliRunner().invoke(main, ["--help-env"])
    assert result.exit_code == 0
    assert "PILOT_DEBOUNCE_AFTER=100ms\n" in result.output
    assert "PILOT_XDS_CACHE_SIZE\n    There is no such cache" in result.output
    assert all(name in result.output for name in unsupported.ONLY)
