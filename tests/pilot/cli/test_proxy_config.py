"""`meshpilot proxy-config`."""

import json
from base64 import b64encode
from pathlib import Path

import pytest
import yaml
from click.testing import Result

from pilot.cli.proxy_config import load
from tests.pilot.agent.small_ca import SmallCa
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
        ("endpoints", ("LOCALITY", "172.30.0.2:9080")),
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


async def test_only_what_is_asked_for() -> None:
    async with answering() as address:

        async def asked(*words: str) -> list[str]:
            found = await run("proxy-config", *words, "--address", address)
            assert found.exit_code == 0, found.output
            return str(found.output).splitlines()[1:]

        reviews = "reviews.default.svc.cluster.local"
        assert all(reviews in row and "outbound" in row for row in await asked("cluster", PROXY, "--fqdn", reviews))
        assert len(await asked("c", PROXY, "--fqdn", reviews, "--subset", "v1")) == 1
        assert len(await asked("c", PROXY, "--direction", "inbound")) < len(await asked("c", PROXY))
        assert {row.split()[1] for row in await asked("listener", PROXY, "--port", "15006")} == {"15006"}
        assert {row.split()[-1] for row in await asked("l", PROXY, "--no-verbose", "--type", "tcp")} == {"TCP"}
        assert [row.split()[0] for row in await asked("route", PROXY, "--no-verbose", "--name", "9080")] == ["9080"]
        cluster = f"outbound|9080||{reviews}"
        assert {row.split()[-1] for row in await asked("ep", PROXY, "--cluster", cluster)} == {cluster}
        assert await asked("ep", PROXY, "--cluster", cluster, "--status", "unhealthy") == []


async def test_everything_at_once() -> None:
    async with answering() as address:
        found = await run("proxy-config", "all", PROXY, "--address", address)
        for word in ("SERVICE FQDN", "ADDRESSES", "VHOST NAME", "LOCALITY"):
            assert word in found.output
        told = await run("pc", "all", PROXY, "--address", address, "-o", "json")
        assert json.loads(told.output)["configs"]


async def test_statistics_of_an_envoy() -> None:
    async with answering(envoy(stats="server.live: 1\n", clusters="c::added_via_api::true\n")) as address:
        assert (await run("pc", "envoy-stats", "--envoy", address)).output == "server.live: 1\n"
        assert "added_via_api" in (await run("pc", "es", "--envoy", address, "-t", "clusters")).output
        assert (await run("pc", "es", "--envoy", address, "-t", "clusters", "-o", "prom")).exit_code == 2


def root_dump(*roots: bytes) -> dict[str, object]:
    secret = {
        "name": "ROOTCA",
        "validation_context": {"trusted_ca": {"inline_bytes": b64encode(b"".join(roots)).decode()}},
    }
    entry = {"name": "ROOTCA", "secret": secret}
    return {"configs": [{"@type": "x/envoy.admin.v3.SecretsConfigDump", "dynamic_active_secrets": [entry]}]}


async def test_roots_of_two_proxies_are_compared(tmp_path: Path) -> None:
    one, other = (SmallCa().pem.encode() for _ in range(2))
    paths = {}
    for name, found in {"one": (one,), "both": (one, other), "other": (other,), "none": ()}.items():
        paths[name] = tmp_path / name
        paths[name].write_text(json.dumps(root_dump(*found)))

    async def compared(first: str, second: str) -> Result:
        return await run("pc", "rootca-compare", str(paths[first]), str(paths[second]))

    assert (await compared("one", "one")).output.endswith("have the same roots\n")
    assert (await compared("one", "both")).output.endswith("have roots in common\n")
    different = await compared("one", "other")
    assert (different.exit_code, "no root in common" in different.output) == (1, True)
    assert "there is no root certificate" in (await compared("one", "none")).output


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
