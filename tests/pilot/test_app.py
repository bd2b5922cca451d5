"""The composition root: the whole control plane in this process, from settings to the last port that closes."""

import asyncio
import contextlib
import gc
import logging
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import grpc
import pytest

from ca.authn import local_issuer
from pilot import app
from pilot.settings import Addresses, Settings, Tuning
from pilot.type_urls import CLUSTER
from pilot.xds.server import AdsServer
from tests.loopback import Network, network
from tests.pilot.agent.eventually import eventually
from tests.pilot.xds.clients import Client

WEB = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {clusterIP: 10.96.0.1, ports: [{name: http, port: 80}]}
"""
NAME = "istiod.istio-system.svc"


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """Undoes what a control plane does to the collector of its process."""
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


@pytest.fixture
def addresses() -> Iterator[Network]:
    with network() as found:
        yield found


@pytest.fixture
def settings(tmp_path: Path, addresses: Network) -> Settings:
    """One service, every port on an address of this test."""
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "web.yaml").write_text(WEB)
    ports = (8080, 15017, 15010, 15012, 15014)
    return Settings(
        config_dir=tmp_path / "mesh",
        mesh_config=tmp_path / "mesh-config",
        networks_config=tmp_path / "networks",
        state_dir=tmp_path / "state",
        addresses=Addresses(*(f"{addresses.address(1)}:{port}" for port in ports)),
        tuning=Tuning(debounce_after=timedelta(milliseconds=10)),
        shutdown=timedelta(milliseconds=500),
    )


@dataclass
class Running:
    """A control plane that serves."""

    settings: Settings
    stopping: asyncio.Event
    task: "asyncio.Task[None]"
    channels: contextlib.AsyncExitStack

    async def get(self, address: str, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession(trust_env=False) as session, session.get(f"http://{address}{path}") as answer:
            return answer.status, await answer.text()

    async def plaintext(self) -> Client:
        """A proxy on 15010."""
        channel = grpc.aio.insecure_channel(self.settings.addresses.grpc)
        return Client(await self.channels.enter_async_context(channel), delta=True)

    async def secure(self, token: str = "") -> Client:
        """A proxy on 15012; its node says default/default."""
        root = (self.settings.state_dir / "root-cert.pem").read_bytes()
        options = (("grpc.ssl_target_name_override", NAME),)
        channel = grpc.aio.secure_channel(
            self.settings.addresses.secure_grpc, grpc.ssl_channel_credentials(root), options
        )
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        return Client(await self.channels.enter_async_context(channel), delta=True, metadata=metadata)

    def token(self, namespace: str, account: str) -> str:
        return local_issuer.load_or_create(self.settings.state_dir).issue(namespace, account)


@contextlib.asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Running]:
    """Started, ready, and in the end stopped as by a signal."""
    stopping = asyncio.Event()
    task = asyncio.create_task(app.serve_until(settings, stopping))
    async with contextlib.AsyncExitStack() as channels:
        running = Running(settings, stopping, task, channels)

        async def is_ready() -> bool:
            if task.done():
                task.result()
            with contextlib.suppress(aiohttp.ClientError):
                return await running.get(settings.addresses.http, "/ready") == (200, "")
            return False

        await eventually(is_ready)
        yield running
        stopping.set()
        await asyncio.wait_for(task, 10)


def outbound(names: list[str]) -> list[str]:
    """Services in cluster names."""
    return sorted(name.split("|")[3].partition(".")[0] for name in names if name.startswith("outbound|"))


async def test_a_directory_is_served_and_an_edit_is_pushed(settings: Settings, tmp_path: Path) -> None:
    async with serving(settings) as running:
        client = await running.plaintext()
        assert outbound((await client.ask(CLUSTER)).names) == ["web"]
        (tmp_path / "mesh" / "other.yaml").write_text(WEB.replace("web", "other").replace("0.1", "0.2"))
        assert outbound((await client.receive()).names) == ["other"]


async def test_the_secure_port_asks_who_is_there(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serving(settings) as running:
        friend = await running.secure(running.token("default", "web"))
        assert outbound((await friend.ask(CLUSTER)).names) == ["web"]
        assert re.search(r"new connection for node:web-1\.default-1 from 127\.[0-9.]+:\d+\n", caplog.text)
        for token, code in (("", "UNAUTHENTICATED"), (running.token("other", "web"), "PERMISSION_DENIED")):
            stranger = await running.secure(token)
            await stranger.send(CLUSTER)
            assert (await stranger.status())[0] == code


async def test_figures_and_version_are_at_the_monitoring_port(settings: Settings) -> None:
    async with serving(settings) as running:
        client = await running.plaintext()
        await client.ask(CLUSTER)
        _, text = await running.get(settings.addresses.monitoring, "/metrics")
        assert 'pilot_xds{version="1.29.1"} 1' in text
        assert 'pilot_xds_pushes{type="cds"} 1' in text
        assert "citadel_server_root_cert_expiry_timestamp" in text
        assert (await running.get(settings.addresses.monitoring, "/version"))[1].startswith("1.29.1-")


async def test_a_signal_ends_streams_and_frees_every_port(settings: Settings) -> None:
    async with serving(settings) as running:
        client = await running.secure(running.token("default", "web"))
        await client.ask(CLUSTER)
        running.stopping.set()
        assert (await client.status())[0] in {"UNAVAILABLE", "CANCELLED"}
    async with serving(settings) as again:  # the same addresses, the same root
        client = await again.secure(again.token("default", "web"))
        assert outbound((await client.ask(CLUSTER)).names) == ["web"]


async def test_ports_that_are_not_wanted_stay_closed(settings: Settings) -> None:
    wanted = replace(settings.addresses, grpc="", secure_grpc="", monitoring="")
    async with serving(replace(settings, addresses=wanted)):
        for address in (settings.addresses.grpc, settings.addresses.secure_grpc, settings.addresses.monitoring):
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(*app.split_address(address))


async def test_warnings_of_the_settings_are_logged(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(replace(settings, warnings=("flag --x is not known",))):
        assert ("default", logging.WARNING, "flag --x is not known") in caplog.record_tuples


async def test_without_a_source_of_configuration_it_does_not_start(settings: Settings) -> None:
    with pytest.raises(app.StartError, match="--configDir"):
        await app.serve(replace(settings, config_dir=None))


async def test_a_directory_that_is_not_there_is_named(settings: Settings) -> None:
    with pytest.raises(app.StartError, match="nowhere"):
        await app.serve(replace(settings, config_dir=Path("/nowhere")))


async def test_broken_mesh_settings_are_no_reason_for_defaults(settings: Settings) -> None:
    settings.mesh_config.write_text("connectTimeout: many\n")
    with pytest.raises(app.StartError, match="connectTimeout"):
        await app.serve(settings)


@pytest.mark.parametrize("port", ["http", "grpc", "secure_grpc", "monitoring"])
async def test_a_port_that_is_taken_is_named(settings: Settings, port: str) -> None:
    address = getattr(settings.addresses, port)
    taken = await asyncio.start_server(lambda *_: None, *app.split_address(address))
    async with taken:
        with pytest.raises(app.StartError, match=address.replace(":", "(:|', ?)").replace(".", r"\.")):
            await app.serve(settings)


async def test_a_task_that_ends_by_itself_ends_the_process_with_its_error(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A supervisor restarts it: better than to serve on with a part that is dead."""

    async def broken(_: object) -> None:
        await asyncio.sleep(0)
        raise RuntimeError("a bug")

    monkeypatch.setattr(AdsServer, "serve_pushes", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        await app.serve_until(settings, asyncio.Event())


@pytest.mark.parametrize(
    ("address", "found"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:80", ("::1", 80)), (":80", ("", 80)), ("host:0", ("host", 0))],
)
def test_addresses_have_a_host_and_a_port(address: str, found: tuple[str, int]) -> None:
    assert app.split_address(address) == found


@pytest.mark.parametrize("address", ["80", "host", "host:", "host:-1", "host:65536", "host:http"])
def test_an_address_without_a_port_is_refused(address: str) -> None:
    with pytest.raises(app.StartError, match="expected host:port"):
        app.split_address(address)
