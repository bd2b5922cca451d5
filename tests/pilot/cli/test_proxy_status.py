"""`meshpilot proxy-status`."""

import json
from dataclasses import replace
from typing import Any

import pytest

from pilot.cli.proxy_status import age
from pilot.type_urls import CLUSTER, ROUTE
from tests.pilot.cli.answering import answering, control_plane, envoy, run
from tests.pilot.debug.worlds import row


async def test_every_proxy_with_what_it_watches() -> None:
    async with answering() as address:
        found = await run("proxy-status", "--address", address)
    assert found.exit_code == 0, found.output
    first, second, *_ = found.output.splitlines()
    assert first.split("     ")[0].strip() == "NAME"
    assert second.split() == [
        *("istio-ingressgateway-0.istio-system", "Kubernetes", address, "1.29.1", "4", "(CDS,LDS,EDS,RDS)")
    ]


async def test_types_in_columns() -> None:
    async with answering() as address:
        found = await run("proxy-status", "--address", address, "-v", "1", "-n", "istio-system")
    head, line = found.output.splitlines()
    assert head.split() == ["NAME", "CLUSTER", "CDS", "EDS", "ECDS", "LDS", "RDS", "ISTIOD", "VERSION"]
    assert line.count("SYNCED (") == 4
    assert "IGNORED" in line


def refused(rows: list[Any]) -> list[Any]:
    """The first proxy refused its routes and was not sent clusters."""
    watches = (row(ROUTE, "80", acked="", error="no such cluster"), replace(row(CLUSTER, "*"), sent_nonce=""))
    return [replace(rows[0], watches=watches), *rows[1:]]


async def test_what_was_refused_is_told_and_is_exit_code_1() -> None:
    async with answering(control_plane(refused)) as address:
        found = await run("proxy-status", "productpage", "--address", address)
        told = json.loads((await run("proxy-status", "--address", address, "-o", "json")).stdout)
    assert found.exit_code == 1
    assert "ERROR (" in found.output
    assert "NOT SENT" in found.output
    assert "productpage-v1-a.default: RDS refused: no such cluster" in found.stderr
    assert next(each for each in told if "productpage" in each["name"])["types"][ROUTE]["error"] == "no such cluster"


async def test_a_proxy_that_is_not_there() -> None:
    async with answering() as address:
        found = await run("proxy-status", "nobody", "--address", address)
    assert (found.exit_code, "nobody: no such proxy" in found.output) == (1, True)


async def test_an_envoy_that_has_something_else_is_told() -> None:
    cluster = {"name": "BlackHoleCluster", "type": "STATIC", "connect_timeout": "99s"}
    dump = {"configs": [{"@type": "x/y.ClustersConfigDump", "dynamic_active_clusters": [{"cluster": cluster}]}]}
    async with answering() as address, answering(envoy(config_dump=dump)) as other:
        found = await run("proxy-status", "productpage", "--address", address, "--envoy", other)
    assert found.exit_code == 1
    assert "Clusters Don't Match" in found.output
    assert '"connecttimeout": "99s"' in found.output


@pytest.mark.parametrize(("seconds", "text"), [(-1, "0s"), (59.9, "59s"), (200, "3m"), (7300, "2h"), (200_000, "2d")])
def test_ages(seconds: float, text: str) -> None:
    assert age(seconds) == text
