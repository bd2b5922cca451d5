"""The list of variables is true."""

from click.testing import CliRunner

from pilot.cli import environment_help
from pilot.cli.discovery import main


def test_every_variable_has_its_default_and_a_meaning() -> None:
    found = {name: (default, meaning) for name, default, meaning in environment_help.rows()}
    assert found["DEFAULT_WORKLOAD_CERT_TTL"][0] == "86400s"
    assert found["DISABLE_SHADOW_HOST_SUFFIX"][0] == "true"
    assert found["ENABLE_DEBUG_ENDPOINT_AUTH"] == ("true", "The caller's namespace decides what it sees.")
    assert found["PILOT_ENABLE_AMBIENT"][0] == "false"
    assert found["VALIDATION_WEBHOOK_CONFIG_NAME"][0] == "istio-istio-system"
    assert all(meaning for _, meaning in found.values())
    assert list(found) == sorted(found)


def test_the_command_lists_them() -> None:
    result = CliRunner().invoke(main, ["--help-env"])
    assert result.exit_code == 0
    assert "PILOT_DEBOUNCE_AFTER=0.1s\n" in result.output
