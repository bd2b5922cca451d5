"""`meshpilot proxy-config`."""

import json
from pathlib import Path

import pytest
import yaml

from pilot.cli.proxy_config import load
from tests.pilot.cli.answering import POSTED, answering, envoy, run

PROXY = "productpage-v1-a.default"
BOOTSTRAP = {
    "@type": "x/envoy.admin.v3.BootstrapConfigDump",
    "bootstrap": {
        "node": {
            "metadata": {"ISTIO_VERSION": "1.29.1"},
            "user_agent_build_version": {"version": {"major_number": 1, "minor_number": 36, "patch": 2}},
        }
    },
}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("clusters", ("SERVICE FQDN", "outbound      EDS              reviews.default")),
        ("listeners", ("ADDRESSES", "Route: 9080")),
        ("routes", ("VHOST NAME", "reviews, reviews.default")),
        ("endpoints", ("OUTLIER CHECK", "172.30.0.2:9080")),
        ("secrets", ("SERIAL NUMBER",)),
        ("ecds", ("ECDS NAME",)),
    ],
)
async def test_what_a_connected_proxy_is_to_have(kind: str, words: tuple[str, ...]) -> None:
    async with answering() as address:
        found = await run("proxy-config", kind, PROXY, "--address", address)
        assert found.exit_code == 0, found.output
        for each in words:
            assert each in found.output
        told = await run("proxy-config", kind, PROXY, "--address", address, "-o", "yaml")
        assert isinstance(yaml.safe_load(told.output), list | dict)


async def test_a_proxy_that_is_not_connected() -> None:
    async with answering() as address:
        found = await run("proxy-config", "clusters", "nobody", "--address", address)
    assert (found.exit_code, "Proxy not connected" in found.output) == (1, True)


async def test_somebody_has_to_be_named() -> None:
    assert (await run("proxy-config", "clusters")).exit_code == 2


async def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "dump.json"
    path.write_text(json.dumps({"configs": [BOOTSTRAP]}))
    found = await run("proxy-config", "bootstrap", "--file", str(path), "-o", "short")
    assert found.output.splitlines() == ["Istio Version: 1.29.1", "Istio Proxy Version: ", "Envoy Version: 1.36.2"]
    assert load(path) == {"configs": [BOOTSTRAP]}
    path.write_text("{")
    assert "expected the JSON of a dump" in (await run("proxy-config", "clusters", "--file", str(path))).output


async def test_a_running_envoy_is_asked() -> None:
    place = {"socket_address": {"address": "10.0.0.1", "port_value": 80}}
    hosts = {"cluster_statuses": [{"name": "c", "host_statuses": [{"address": place, "health_status": {}}]}]}
    async with answering(envoy(config_dump={"configs": [BOOTSTRAP]}, clusters=hosts)) as address:
        assert "10.0.0.1:80" in (await run("proxy-config", "endpoints", "--envoy", address)).output
        assert "major_number" in (await run("proxy-config", "bootstrap", "--envoy", address)).output


async def test_log_levels_of_an_envoy_are_shown_and_changed() -> None:
    application = envoy(logging="active loggers:\n  admin: warning\n  upstream: debug\n")
    async with answering(application) as address:
        found = await run(
            "proxy-config", "log", "--envoy", address, "--level", "upstream:debug,info", "-r", "-o", "json"
        )
    assert json.loads(found.output) == {"admin": "warning", "upstream": "debug"}
    assert application[POSTED] == ["level=warning", "upstream=debug", "level=info", ""]
