"""The agent with a real Envoy, the newest and the oldest, and a small control plane in the real one's place."""

import asyncio
import json
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import aiohttp
import psutil
import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from envoy.config.listener.v3 import listener_pb2
from envoy.extensions.access_loggers.file.v3 import file_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2
from google.protobuf import json_format

from pilot.agent.admin import AdminClient
from pilot.agent.agent import Agent
from pilot.agent.bootstrap import sds_secret
from pilot.agent.options import Address, Protocol
from pilot.agent.token import BearerToken, FixedToken
from pilot.type_urls import LISTENER
from tests.pilot.agent.eventually import eventually
from tests.pilot.agent.examples import options
from tests.pilot.agent.small_ca import key_pem, pem
from tests.pilot.agent.small_control_plane import TOKEN, SmallControlPlane

TYPES = (file_pb2, router_pb2, http_connection_manager_pb2, tls_pb2)
"""Imported, so that their types are known where configuration names them."""

ID = "spiffe://cluster.local/ns/default/sa/bookinfo-reviews"
URL = "type.googleapis.com/envoy.extensions"


def typed(name: str, kind: str, **settings: Any) -> dict[str, Any]:
    return {"name": name, "typed_config": {"@type": f"{URL}.{kind}", **settings}}


def listener(**tls: Any) -> Any:
    """Answers "hello" to whoever has a certificate of the mesh; logs to standard output, as the real ones do."""
    context = {
        "tls_certificate_sds_secret_configs": [sds_secret("default")],
        "validation_context_sds_secret_config": sds_secret("ROOTCA"),
    } | tls
    manager = "filters.network.http_connection_manager.v3.HttpConnectionManager"
    route = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "hello"}}}
    host = {"name": "all", "domains": ["*"], "routes": [route]}
    log = typed("log", "access_loggers.file.v3.FileAccessLog", path="/dev/stdout")
    http = {
        "stat_prefix": "inbound",
        "route_config": {"name": "r", "virtual_hosts": [host]},
        "http_filters": [typed("envoy.filters.http.router", "filters.http.router.v3.Router")],
        "access_log": [log],
        "drain_timeout": "0.5s",
    }
    kind = "transport_sockets.tls.v3.DownstreamTlsContext"
    chain = {
        "filters": [typed("http", manager, **http)],
        "transport_socket": typed(
            "envoy.transport_sockets.tls", kind, common_tls_context=context, require_client_certificate=True
        ),
    }
    address = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
    found = {"name": "inbound", "address": address, "filter_chains": [chain]}
    return json_format.ParseDict(found, listener_pb2.Listener())


@dataclass
class Caller:
    """One connection of a client with a certificate of the mesh."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def connect(cls, port: int, control_plane: SmallControlPlane, directory: Path) -> Self:
        key = ec.generate_private_key(ec.SECP256R1())
        (directory / "client.pem").write_text(
            pem(control_plane.ca.sign(key.public_key(), uris=["spiffe://a/ns/b/sa/c"]))
        )
        (directory / "client.key").write_bytes(key_pem(key))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(cadata=control_plane.ca.pem)
        context.load_cert_chain(directory / "client.pem", directory / "client.key")
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=context))

    @property
    def serial(self) -> str:
        """Of the certificate that the server showed."""
        shown = self.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return f"{x509.load_der_x509_certificate(shown).serial_number:x}"

    async def get(self) -> str:
        """The head of the answer."""
        self.writer.write(b"GET / HTTP/1.1\r\nhost: reviews\r\n\r\n")
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert await self.reader.readexactly(5) == b"hello"
        return head.decode().lower()

    async def close(self) -> None:
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)


@dataclass
class Setting:
    """A running agent and its surroundings."""

    agent: Agent
    control_plane: SmallControlPlane
    task: "asyncio.Task[int]"
    directory: Path

    async def ready(self) -> AdminClient:
        waiting = asyncio.ensure_future(self.agent.wait_ready())
        await asyncio.wait((waiting, self.task), return_when=asyncio.FIRST_COMPLETED)
        assert waiting.done(), self.task
        return await waiting

    async def call(self) -> Caller:
        return await Caller.connect(await port_of_listener(await self.ready()), self.control_plane, self.directory)


async def port_of_listener(admin: AdminClient) -> int:
    async def ask() -> int:
        found = json.loads(await admin.get("/listeners", format="json")).get("listener_statuses", ())
        return next((each["local_address"]["socket_address"]["port_value"] for each in found), 0)

    return await eventually(ask)


@asynccontextmanager
async def running(
    control_plane: SmallControlPlane, directory: Path, envoy: Path, **changes: Any
) -> AsyncIterator[Setting]:
    changes = {"token": FixedToken(BearerToken(TOKEN)), "status": Address("127.0.0.1", 0)} | changes
    agent = Agent(options(directory, discovery=control_plane.address, envoy=envoy, **changes))
    task = asyncio.create_task(agent.serve())
    try:
        async with asyncio.timeout(45):
            yield Setting(agent, control_plane, task, directory)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def control_plane(tmp_path: Path) -> AsyncIterator[SmallControlPlane]:
    async with SmallControlPlane(tmp_path) as running:
        running.resources[LISTENER] = [("inbound", listener())]
        yield running


@pytest.fixture(autouse=True)
def talkative(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")


@pytest.mark.parametrize("protocol", list(Protocol))
async def test_envoy_gets_identity_and_configuration(
    control_plane: SmallControlPlane, tmp_path: Path, any_envoy: Path, protocol: Protocol
) -> None:
    async with running(control_plane, tmp_path, any_envoy, protocol=protocol) as setting:
        admin = await setting.ready()
        held = await admin.certificates()
        assert setting.agent.identity.certificate is not None
        assert [(each.serial, each.uris) for each in held] == [(setting.agent.identity.certificate.serial, (ID,))]
        assert control_plane.peers == [(), (ID,), (ID,)]  # the certificate request, then roots and xDS
        node = control_plane.nodes[0]
        assert node.id == "sidecar~127.0.0.21~reviews-v1-a.default~default.svc.cluster.local"
        assert len(node.extensions) > 100
        caller = await setting.call()
        assert (await caller.get()).startswith("http/1.1 200")
        assert caller.serial == held[0].serial
        await caller.close()
        async with aiohttp.ClientSession(f"http://{setting.agent.status}") as session:
            async with session.get("/healthz/ready") as response:
                assert (response.status, await response.text()) == (200, "ready\n")
            async with session.get("/stats/prometheus") as response:
                assert "envoy_server_live{} 1" in await response.text()


async def test_a_renewed_certificate_reaches_a_running_envoy_without_a_failed_request(
    control_plane: SmallControlPlane, tmp_path: Path, any_envoy: Path
) -> None:
    control_plane.lifetime = timedelta(seconds=4)
    async with running(control_plane, tmp_path, any_envoy) as setting:
        admin = await setting.ready()
        process, first = (await admin.server_info())["command_line_options"], await admin.certificates()
        kept = await setting.call()
        served = {kept.serial}
        while len(served) < 4:
            caller = await setting.call()
            assert (await caller.get()).startswith("http/1.1 200")
            assert (await kept.get()).startswith("http/1.1 200")
            served.add(caller.serial)
            await caller.close()
        await kept.close()
        second = await admin.certificates()
        assert second[0].serial not in {first[0].serial, kept.serial}
        assert len(second) == 1
        assert (await admin.server_info())["command_line_options"] == process
        assert (await admin.stats("listener_manager.lds.update_rejected"))["listener_manager.lds.update_rejected"] == 0
    assert control_plane.signed_for[:3] == ["token", "certificate", "certificate"]


async def test_a_control_plane_may_come_up_later(
    tmp_path: Path, any_envoy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    control_plane = SmallControlPlane(tmp_path)
    await control_plane.start()
    await control_plane.stop()
    async with running(control_plane, tmp_path, any_envoy) as setting:
        await eventually(lambda: "no answer from 127.0.0.1:" in caplog.text)
        assert await setting.agent.why_not_ready() == "no certificate yet"
        await control_plane.start()
        await setting.ready()
    await control_plane.stop()


async def test_envoy_comes_back_soon_after_the_control_plane_does(
    control_plane: SmallControlPlane, tmp_path: Path, any_envoy: Path
) -> None:
    async with running(control_plane, tmp_path, any_envoy) as setting:
        caller = await setting.call()
        await control_plane.stop()
        assert (await caller.get()).startswith("http/1.1 200")
        known = len(control_plane.nodes)
        await control_plane.start()
        await eventually(lambda: len(control_plane.nodes) > known, within=5)
        assert (await caller.get()).startswith("http/1.1 200")
        await caller.close()


async def test_what_envoy_rejects_is_logged_in_its_words(
    control_plane: SmallControlPlane, tmp_path: Path, any_envoy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad = listener(alpn_protocols=["h2"], tls_params={"cipher_suites": ["NO-SUCH-CIPHER"]})
    control_plane.resources[LISTENER] = [("inbound", bad)]
    async with running(control_plane, tmp_path, any_envoy) as setting:
        await setting.ready()
        await eventually(lambda: control_plane.rejected)
        await eventually(lambda: "NO-SUCH-CIPHER" in caplog.text)
        said = next(each for each in caplog.records if "NO-SUCH-CIPHER" in each.getMessage())
        assert (said.name, said.levelname) == ("envoy", "WARNING")
        assert said.getMessage().startswith("reviews-v1-a.default: ")
    assert "NO-SUCH-CIPHER" in control_plane.rejected[0]


async def test_draining_closes_a_connection_after_its_answer(
    control_plane: SmallControlPlane, tmp_path: Path, any_envoy: Path
) -> None:
    async with running(control_plane, tmp_path, any_envoy, drain=timedelta(seconds=20)) as setting:
        caller = await setting.call()
        assert "connection: close" not in await caller.get()
        setting.agent.stop()
        await eventually(lambda: is_draining(caller))
        assert await caller.reader.read() == b""
        await caller.close()
        assert await setting.task == 0


async def is_draining(caller: Caller) -> bool:
    return "connection: close" in await caller.get()


async def test_files_are_served_and_followed_like_the_identity(
    control_plane: SmallControlPlane, tmp_path: Path, any_envoy: Path
) -> None:
    def write() -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        (tmp_path / "web.key").write_bytes(key_pem(key))
        (tmp_path / "web.pem").write_text(pem(control_plane.ca.sign(key.public_key(), hosts=["web"])))

    write()
    name = f"file-cert:{tmp_path}/web.pem~{tmp_path}/web.key"
    own = {
        "tls_certificate_sds_secret_configs": [sds_secret(name)],
        "validation_context_sds_secret_config": sds_secret(f"file-root:{control_plane.root}"),
    }
    control_plane.resources[LISTENER] = [("inbound", listener(**own))]
    async with running(control_plane, tmp_path, any_envoy) as setting:
        caller = await setting.call()
        first = caller.serial
        await caller.close()
        write()

        async def has_changed() -> bool:
            caller = await setting.call()
            await caller.close()
            return caller.serial != first

        await eventually(has_changed)


async def test_an_access_log_on_standard_output_is_ours(
    control_plane: SmallControlPlane, tmp_path: Path, any_envoy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(control_plane, tmp_path, any_envoy) as setting:
        caller = await setting.call()
        await caller.get()
        await caller.close()
        await eventually(lambda: [each for each in caplog.records if each.name == "envoy.access"])


def test_it_runs_under_uvloop_too(tmp_path: Path, any_envoy: Path) -> None:
    async def run() -> None:
        async with SmallControlPlane(tmp_path) as control_plane:
            control_plane.resources[LISTENER] = [("inbound", listener())]
            async with running(control_plane, tmp_path, any_envoy) as setting:
                caller = await setting.call()
                assert (await caller.get()).startswith("http/1.1 200")
                await caller.close()
                setting.agent.stop()
                assert await setting.task == 0

    uvloop.run(run())


# --- the command, as a process ----------------------------------------------------------------------------------------


@asynccontextmanager
async def command(
    control_plane: SmallControlPlane, directory: Path, envoy: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    arguments = {
        "--id": "reviews-v1-a",
        "--namespace": "default",
        "--service-account": "bookinfo-reviews",
        "--ip": "127.0.0.1",
        "--labels": "app=reviews,version=v1",
        "--discovery": str(control_plane.address),
        "--root": str(control_plane.root),
        "--admin": "127.0.0.1:0",
        "--status-port": "0",
        "--run-dir": str(directory / "run"),
        "--drain": "10",
        "--envoy": str(envoy),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pilot.cli.main", "proxy", *(part for pair in arguments.items() for part in pair)),
        env=os.environ | {"MESHPILOT_TOKEN": TOKEN},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def started(directory: Path) -> dict[str, Any]:
    """What the agent says about itself, once its proxy is ready."""
    state = directory / "run" / "agent.json"

    async def is_ready() -> dict[str, Any]:
        if not state.exists():
            return {}
        found: dict[str, Any] = json.loads(state.read_text())
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{found['status']}/healthz/ready") as response,
        ):
            return found if response.status == 200 else {}

    return await eventually(is_ready, within=30)


async def test_no_envoy_outlives_an_agent_that_is_killed(
    control_plane: SmallControlPlane, tmp_path: Path, any_envoy: Path
) -> None:
    async with command(control_plane, tmp_path, any_envoy) as process:
        state = await started(tmp_path)
        assert state["pid"] == process.pid
        assert Path(psutil.Process(state["envoy_pid"]).exe()).name == any_envoy.name
        process.kill()
        await process.wait()
        await eventually(lambda: not psutil.pid_exists(state["envoy_pid"]), within=5)


async def test_the_directory_of_a_killed_agent_can_be_used_again(
    control_plane: SmallControlPlane, tmp_path: Path, any_envoy: Path
) -> None:
    async with command(control_plane, tmp_path, any_envoy) as process:
        await started(tmp_path)
        process.kill()
    (tmp_path / "run" / "agent.json").unlink()
    async with command(control_plane, tmp_path, any_envoy):
        await started(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_and_ends_both(
    control_plane: SmallControlPlane, tmp_path: Path, any_envoy: Path, number: signal.Signals
) -> None:
    async with command(control_plane, tmp_path, any_envoy) as process:
        state = await started(tmp_path)
        process.send_signal(number)
        said, _ = await process.communicate()
        assert process.returncode == 0
        assert not psutil.pid_exists(state["envoy_pid"])
        assert b"draining for up to 10 s" in said
        assert TOKEN.encode() not in said
        assert not (tmp_path / "run" / "sds.sock").exists()


async def test_an_envoy_that_crashes_takes_the_agent_with_it(
    control_plane: SmallControlPlane, tmp_path: Path, any_envoy: Path
) -> None:
    async with command(control_plane, tmp_path, any_envoy) as process:
        state = await started(tmp_path)
        os.kill(state["envoy_pid"], signal.SIGKILL)
        await process.communicate()
        assert process.returncode == 137
