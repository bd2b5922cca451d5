"""`meshpilot ztunnel-config`."""

import json
from pathlib import Path

import pytest
import yaml

from tests.pilot.cli.answering import POSTED, answering, envoy, run
from tests.pilot.cli.ztunnels import DUMP


@pytest.mark.parametrize(
    ("words", "there", "missing"),
    [
        (("workload",), ("POD NAME", "cart-1"), ()),
        (("w", "--workload-namespace", "shop"), ("web-1",), ("cart-1",)),
        (("workloads", "--workload-node", "n2"), ("cart-1",), ("web-1",)),
        (("workloads", "--workload-address", "fd00::2"), ("web-1",), ("cart-1",)),
        (("service", "--service-namespace", "back"), ("SERVICE VIP",), ("10.0.0.1",)),
        (("svc",), ("ENDPOINTS", "1/2"), ()),
        (("policy", "--policy-namespace", "back"), ("nobody",), ("only-web",)),
        (("certificates",), ("SERIAL NUMBER", "Root"), ()),
        (("connections",), ("Inbound", "Outbound", "web-1.shop:8080"), ()),
        (("connections", "--direction", "inbound", "--raw"), ("10.1.0.2:8080",), ("Outbound",)),
        (("connections", "--workload-namespace", "back"), ("REMOTE TARGET",), ("web-1",)),
        (("all",), ("POD NAME", "SERVICE VIP", "POLICY NAME", "CERTIFICATE NAME", "REMOTE TARGET"), ()),
    ],
)
async def test_a_running_ztunnel_is_asked(words: tuple[str, ...], there: tuple[str, ...], missing: tuple[str]) -> None:
    async with answering(envoy(config_dump=DUMP)) as address:
        found = await run("ztunnel-config", *words, "--ztunnel", address)
    assert found.exit_code == 0, found.output
    assert [each for each in there if each not in found.output] == []
    assert [each for each in missing if each in found.output] == []


async def test_a_file_is_read_and_shown_as_data(tmp_path: Path) -> None:
    path = tmp_path / "dump.json"
    path.write_text(json.dumps(DUMP))
    source = ("--file", str(path), "-o")
    found = await run("ztunnel-config", "service", *source, "json")
    assert json.loads(found.output) == DUMP["services"]
    found = await run("ztunnel-config", "policy", "--policy-namespace", "shop", *source, "yaml")
    assert [each["name"] for each in yaml.safe_load(found.output)] == ["only-web"]
    assert yaml.safe_load((await run("ztunnel-config", "all", *source, "yaml")).output) == DUMP


@pytest.mark.parametrize("text", ["{", "[]", '{"configs": []}'])
async def test_what_is_no_dump_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "dump.json"
    path.write_text(text)
    found = await run("ztunnel-config", "workload", "--file", str(path))
    assert (found.exit_code, "dump.json: expected" in found.output) == (1, True)


async def test_the_control_plane_tells_what_it_knows() -> None:
    async with answering() as address:
        assert "POD NAME" in (await run("ztunnel-config", "workload", "--address", address)).output
        assert "POLICY NAME" in (await run("ztunnel-config", "all", "--address", address)).output
        for each in ("certificate", "connections"):
            found = await run("ztunnel-config", each, "--address", address)
            assert (found.exit_code, f"only a ztunnel knows its {each.rstrip('s')}" in found.output) == (2, True)


async def test_log_levels_are_shown_and_changed() -> None:
    application = envoy(logging="current log level is hickory_server::server=off,info\n")
    async with answering(application) as address:
        found = await run("ztunnel-config", "log", "--ztunnel", address)
        assert found.output == "current log level is hickory_server::server=off,info\n"
        await run("ztunnel-config", "log", "--ztunnel", address, "--level", "ztunnel::proxy:debug")
        await run("ztunnel-config", "log", "--ztunnel", address, "-r")
    assert application[POSTED] == ["", "level=ztunnel::proxy:debug", "reset="]
