"""`meshpilot live` and `meshpilot wait`."""

import json
from collections.abc import Mapping
from typing import Any

import click
import yaml
from click.testing import CliRunner, Result

from pilot.cli.live import live, wait
from tests.pilot.cli.pages import serving

DONE: Mapping[str, Any] = {
    "kind": "VirtualService", "namespace": "n", "name": "v", "generation": 2, "proxies": 2, "acknowledged": 2,
    "live": True, "behind": [],
}  # fmt: skip
LAG = {"proxy": "p-1", "types": ["RDS"], "reason": "waiting", "error": ""}
LATE = {**DONE, "acknowledged": 1, "live": False, "behind": [LAG]}
BAD = {**LATE, "behind": [{**LAG, "reason": "refused", "error": "bad regex"}]}


def run(command: click.Command, *arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


def test_exit_codes_say_how_it_is() -> None:
    for found, code in ((DONE, 0), (LATE, 1), (BAD, 3)):
        with serving({"/debug/live": lambda _, found=found: (200, found)}) as address:  # type: ignore[misc]
            result = run(live, "VirtualService/n/v", "--address", address)
            assert result.exit_code == code
            assert "generation 2" in result.output
            assert json.loads(run(live, "VirtualService/n/v", "--address", address, "-o", "json").stdout) == found
            assert yaml.safe_load(run(live, "virtualservice/n/v", "--address", address, "-o", "yaml").stdout) == found
    with serving({"/debug/live": lambda _: (200, BAD)}) as address:
        assert "p-1: refused RDS: bad regex" in run(live, "VirtualService/n/v", "--address", address).output


def test_an_older_generation_is_not_what_was_meant() -> None:
    with serving({"/debug/live": lambda _: (200, DONE)}) as address:
        assert run(live, "VirtualService/n/v", "--generation", "3", "--address", address).exit_code == 1


def test_waiting_ends_when_it_is_live() -> None:
    answers = [(404, "there is none"), (200, LATE), (200, DONE)]
    with serving({"/debug/live": lambda _: answers.pop(0)}) as address:
        result = run(wait, "--for=live", "VirtualService/n/v", "--timeout", "20s", "--address", address)
        assert (result.exit_code, answers) == (0, [])


def test_waiting_ends_when_somebody_refuses_and_when_time_is_over() -> None:
    with serving({"/debug/live": lambda _: (200, BAD)}) as address:
        assert run(wait, "VirtualService/n/v", "--timeout", "20s", "--address", address).exit_code == 3
    with serving({"/debug/live": lambda _: (404, "there is none")}) as address:
        result = run(wait, "VirtualService/n/v", "--timeout", "0s", "--address", address)
        assert (result.exit_code, "there is none" in result.output) == (1, True)


def test_objects_are_named_with_kind_and_name() -> None:
    asked: list[dict[str, str]] = []

    def page(query: dict[str, str]) -> tuple[int, Any]:
        asked.append(query)
        return 200, DONE

    with serving({"/debug/live": page}) as address:
        run(live, "Gateway/g", "--address", address)
    assert asked == [{"kind": "Gateway", "namespace": "default", "name": "g"}]
    assert run(live, "Gateway").exit_code == 2
