"""`meshpilot why`."""

import json

import yaml
from click.testing import CliRunner, Result

from pilot.cli.why import why
from tests.pilot.cli.pages import serving

ROW = {
    "event": 3, "time": 0.5, "reasons": ["config"], "objects": ["VirtualService n/v"], "more": 2, "proxies": 7,
    "responses": 7, "bytes": 1234, "seconds": 0.25,
    "types": {"RDS": {"responses": 7, "bytes": 1234, "updated": 7, "removed": 0}},
}  # fmt: skip


def run(*arguments: str) -> Result:
    return CliRunner().invoke(why, list(arguments))


def test_events_are_a_table() -> None:
    with serving(
        {"/debug/why": lambda query: (200, [ROW] if query == {"proxyID": "p", "limit": "20"} else [])}
    ) as address:
        text = run("p", "--address", address).output
        for word in ("00:00:00.500", "config", "VirtualService n/v and 2 more", "7", "RDS 7+0-", "1234", "0.250"):
            assert word in text
        assert json.loads(run("p", "--address", address, "-o", "json").stdout) == [ROW]
        assert yaml.safe_load(run("p", "--address", address, "-o", "yaml").stdout) == [ROW]
        assert "nothing was pushed" in run("other", "--limit", "1", "--address", address).stderr
