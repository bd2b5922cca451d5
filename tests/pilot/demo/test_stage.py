"""The stage: what is started, and what is said where that fails. The play itself is in tests/live/test_demo.py."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ca.authn import local_issuer
from ca.spiffe import TrustDomain
from pilot.cli.demo import EXAMPLE
from pilot.demo.cast import Actor, read_cast
from pilot.demo.stage import IssuedToken, Place, StageError, control_plane_address, play
from tests.loopback import Network, network

GOOD_PROGRAM = """
import socket, sys, time
with socket.socket(socket.AF_UNIX) as listener:
    listener.bind("\\0" + sys.argv[2][1:])
    listener.listen()
    time.sleep(60)
"""


@pytest.fixture
def addresses() -> Iterator[Network]:
    with network() as found:
        yield found


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """No manifests; the programs of a test."""
    for name in ("mesh", "app", "work"):
        (tmp_path / name).mkdir()
    return Place(tmp_path / "mesh", tmp_path / "app", tmp_path / "work", envoy=tmp_path / "envoy")


def workload(addresses: Network) -> Actor:
    labels = {"app": "web", "version": "v1"}
    places = {"address": addresses.address(11), "egress": addresses.address(111), "socket": addresses.socket("web")}
    return Actor("web-1", "shop", "web", labels, **places)


async def failure(actor: Actor, place: Place) -> tuple[str, list[str]]:
    """Why it cannot be played, and what had been announced until then."""
    announced: list[str] = []
    with pytest.raises(StageError) as caught:
        async with play([actor], place, announced.append):
            pass
    return str(caught.value), announced


def test_the_control_plane_of_the_example_is_beside_its_proxies() -> None:
    assert control_plane_address(read_cast(EXAMPLE / "mesh")) == "127.0.10.1"


async def test_tokens_are_fresh_and_those_of_the_control_planes_issuer(tmp_path: Path) -> None:
    issuer = local_issuer.load_or_create(tmp_path)
    source = IssuedToken(issuer, "shop", "web")
    first, second = await source.read(), await source.read()
    assert first is not None
    assert second is not None
    assert first.value != second.value
    proven = issuer.verify(second.value, {"istio-ca"}, TrustDomain("cluster.local"))
    assert str(proven) == "spiffe://cluster.local/ns/shop/sa/web"


async def test_a_control_plane_that_does_not_start_is_told_with_the_end_of_its_log(
    place: Place, addresses: Network
) -> None:
    said, announced = await failure(workload(addresses), replace(place, manifests=place.work_dir / "nowhere"))
    assert said.startswith(f"control plane on {addresses.address(1)} did not start; the end of {place.work_dir}/")
    assert "nowhere" in said.splitlines()[-1]
    assert announced == []


async def test_a_control_plane_of_somebody_else_does_not_pass_for_ours(place: Place, addresses: Network) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, addresses.address(1), 8080):
        said, announced = await failure(workload(addresses), place)
    assert said == f"control plane on {addresses.address(1)} is there already: another demo is running"
    assert announced == []


async def test_a_workload_that_does_not_start_is_told_with_the_end_of_its_log(place: Place, addresses: Network) -> None:
    (place.programs / "web.py").write_text("raise SystemExit('no tea today')")
    said, announced = await failure(workload(addresses), place)
    assert said.splitlines()[0].startswith("workload web-1.shop did not start; the end of ")
    assert said.splitlines()[-1] == "no tea today"
    assert len(announced) == 1
    assert announced[0].startswith("control plane on ")


async def test_a_proxy_that_does_not_start_is_told_with_its_reason(place: Place, addresses: Network) -> None:
    (place.programs / "web.py").write_text(GOOD_PROGRAM)
    said, announced = await failure(workload(addresses), place)
    assert said.startswith(f"proxy web-1.shop: envoy {place.envoy}: expected a program")
    assert announced[-1] == "workload web-1.shop"
    await assert_nothing_listens(addresses)


async def assert_nothing_listens(addresses: Network) -> None:
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_unix_connection("\0" + addresses.socket("web")[1:])
    for port in (8080, 15010, 15012, 15014):
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(addresses.address(1), port)
