"""A mesh in network namespaces: a control plane, pods whose sidecars get intercepted traffic, pods without.

Comes in: a directory, the binary of an Envoy. Goes out: pods to connect from, and what their workloads saw. Every
workload answers HTTP with who it is and whom it saw; to what is not HTTP it sends the same and then the bytes back.
"""

import asyncio
import contextlib
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from ca.authn import local_issuer
from pilot.agent import tether
from pilot.view.proxy import Interception
from tests import control_plane
from tests.control_plane import ControlPlane
from tests.live.mesh import PATIENCE
from tests.live.namespaces import HUB, PROXY_GROUP, Hub, Namespace, hub
from tests.pilot.agent.eventually import eventually

CLIENT, WEB, KEEPER, DB_0, DB_1, STRANGER = "client", "web", "keeper", "db-0", "db-1", "stranger"
NUMBERS = {CLIENT: 11, WEB: 12, KEEPER: 13, DB_0: 21, DB_1: 22, STRANGER: 31}
SIDECARS = {CLIENT: Interception.REDIRECT, WEB: Interception.REDIRECT, KEEPER: Interception.TPROXY}
UNNAMED, TCP, HTTP, HEADLESS, UNLISTED = 8000, 9000, 8080, 5000, 7777
"""Ports: of `web` without a name; of `web` for bytes; of `keeper`; of `db`; one that no service has."""
WEB_VIP, TCP_VIP, KEEPER_VIP = "10.96.0.1", "10.96.0.2", "10.96.0.3"
STATUS, ADMIN = 15021, 15000


@dataclass(frozen=True, slots=True)
class Seen:
    """What a workload saw."""

    app: str
    peer: str
    """The address of whom it saw calling."""
    headers: Mapping[str, str]

    @property
    def caller(self) -> str:
        """The SPIFFE id that its sidecar saw calling; empty: none."""
        found = re.search("URI=([^;]*)", self.headers.get("x-forwarded-client-cert", ""))
        return found[1] if found else ""


class Pods:
    """The mesh."""

    def __init__(self, plane: ControlPlane, places: Mapping[str, Namespace]) -> None:
        self.control_plane, self.places = plane, places

    def address(self, name: str) -> str:
        """Of a pod."""
        return self.places[name].address

    def write(self, name: str, text: str) -> None:
        """Replaces a manifest."""
        unfinished = self.control_plane.manifests.parent / "unfinished"
        unfinished.write_text(text)
        unfinished.replace(self.control_plane.manifests / name)

    @contextlib.contextmanager
    def given(self, text: str) -> Iterator[None]:
        """With this configuration; in the end it is gone."""
        self.write("given.yaml", text)
        try:
            yield
        finally:
            (self.control_plane.manifests / "given.yaml").unlink()

    async def get(self, client: str, address: str, port: int, path: str = "/", **headers: str) -> tuple[int, Any]:
        """Status of a request from a pod, and what the workload saw. Raises: aiohttp.ClientError."""
        url = f"http://{address}:{port}{path}"
        async with _session(self.places[client]) as session, session.get(url, headers=headers) as answer:
            text = await answer.text()
            return answer.status, Seen(**json.loads(text)) if "x-app" in answer.headers else None

    async def say(self, client: str, address: str, port: int, words: bytes = b"?bytes\n") -> Seen | None:
        """What the workload at the other end of a connection saw; None where there is no other end."""
        try:
            async with asyncio.timeout(5):
                reader, writer = await self.places[client].connect(address, port)
                try:
                    writer.write(words)
                    line = await reader.readline()
                    assert not line or await reader.readline() == words
                finally:
                    writer.close()
        except OSError:
            return None
        return Seen(**json.loads(line)) if line else None

    async def stats(self, name: str, pattern: str) -> int:
        """The sum of some statistics of an Envoy."""
        url = f"http://127.0.0.1:{ADMIN}/stats?format=json&filter={pattern}"
        async with _session(self.places[name]) as session, session.get(url) as answer:
            found = json.loads(await answer.text())["stats"]
        return sum(each.get("value", 0) for each in found)

    async def is_ready(self, name: str) -> bool:
        """Whether the agent of a pod says that its Envoy may get traffic."""
        url = f"http://{self.address(name)}:{STATUS}/healthz/ready"
        try:
            async with _session(self.places[name]) as session, session.get(url) as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False


def _session(place: Namespace) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=place.connector(), trust_env=False, timeout=aiohttp.ClientTimeout(total=10), auto_decompress=False
    )


@contextlib.asynccontextmanager
async def playing(directory: Path, envoy: Path) -> AsyncIterator[Pods]:
    """A mesh whose Envoys are ready."""
    async with contextlib.AsyncExitStack() as undo:
        bridge = await undo.enter_async_context(hub())
        places = {name: await bridge.pod(number, SIDECARS.get(name)) for name, number in NUMBERS.items()}
        plane = _control_plane(directory, bridge)
        pods = Pods(plane, places)
        plane.manifests.mkdir()
        pods.write("mesh.yaml", manifests(places))
        await undo.enter_async_context(control_plane.running(plane))
        for name, place in places.items():
            for port in (UNNAMED, TCP, HTTP, HEADLESS, UNLISTED):
                await undo.enter_async_context(workload(name, place, port))
        for name in SIDECARS:
            await undo.enter_async_context(_sidecar(name, directory, envoy, plane, places[name]))
        for name in SIDECARS:
            await eventually(lambda name=name: pods.is_ready(name), within=PATIENCE)  # type: ignore[misc]
        yield pods


def _control_plane(directory: Path, bridge: Hub) -> ControlPlane:
    return ControlPlane(
        HUB,
        directory / "manifests",
        directory,
        prefix=bridge.namespace.command(),
        connector=bridge.namespace.connector,
    )


@contextlib.asynccontextmanager
async def workload(name: str, place: Namespace, port: int) -> AsyncIterator[None]:
    """A server that tells who it is and whom it saw."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            first = await reader.readline()
            peer = writer.get_extra_info("peername")[0]
            if first.endswith(b"HTTP/1.1\r\n"):
                lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = dict(line.lower().partition(": ")[::2] for line in lines if line)
                kept = {key: _case(lines, key) for key in headers}
                body = json.dumps({"app": name, "peer": peer, "headers": kept})
                head = f"HTTP/1.1 200 OK\r\nx-app: {name}\r\ncontent-length: {len(body)}\r\nconnection: close"
                writer.write(f"{head}\r\n\r\n{body}".encode())
            elif first:
                writer.write(json.dumps({"app": name, "peer": peer, "headers": {}}).encode() + b"\n" + first)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, sock=place.listen(port))
    async with server:
        yield


def _case(lines: list[str], key: str) -> str:
    """The value of a header as it was."""
    return next(line.partition(": ")[2] for line in lines if line.lower().startswith(f"{key}: "))


def _sidecar(
    name: str, directory: Path, envoy: Path, plane: ControlPlane, place: Namespace
) -> contextlib.AbstractAsyncContextManager[None]:
    own = {"namespace": "shop", "labels": f"app={name}", "interception": SIDECARS[name].value, "envoy": str(envoy)}
    return proxy(name, directory, plane, place, own)


@contextlib.asynccontextmanager
async def proxy(
    name: str, directory: Path, plane: ControlPlane, place: Namespace, own: Mapping[str, str]
) -> AsyncIterator[None]:
    """An agent with its Envoy in the pod, as programs of the proxy's group. `own`: options beside the usual ones."""
    token = local_issuer.load_or_create(plane.state).issue(own["namespace"], name)
    options = {
        "id": name,
        "service-account": name,
        "ip": place.address,
        "discovery": f"{plane.address}:{control_plane.SECURE}",
        "root": str(plane.root),
        "admin": f"127.0.0.1:{ADMIN}",
        "status-port": str(STATUS),
        "run-dir": str(directory / name),
        "drain": "0",
        "concurrency": "1",
        "stats": "all",
        **own,
    }
    flags = [part for option, value in options.items() for part in (f"--{option}", value)]
    tied = (sys.executable, "-I", "-S", tether.__file__, str(os.getpid()))
    command = (*tied, *place.command(sys.executable, "-m", "pilot.cli.main", "proxy", *flags))
    log = directory / f"{name}.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=os.environ | {"MESHPILOT_TOKEN": token},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            group=PROXY_GROUP,
            extra_groups=[],
        )
    try:
        yield
    except BaseException:
        print(f"--- the log of {name}'s agent\n{log.read_text(errors='replace')[-3000:]}")
        raise
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


def manifests(places: Mapping[str, Namespace]) -> str:
    """Pods, services, and sidecars that speak mTLS to each other and plaintext to the rest."""
    pods = [_pod(name, place.address) for name, place in places.items() if name != STRANGER]
    services = [
        _service("web", WEB_VIP, WEB, f"{{port: {UNNAMED}}}"),
        _service("echo", TCP_VIP, WEB, f"{{name: tcp-echo, port: {TCP}}}"),
        _service("keeper", KEEPER_VIP, KEEPER, f"{{name: http, port: {HTTP}}}"),
        _service("db", "None", "db", f"{{name: tcp, port: {HEADLESS}}}"),
    ]
    return "---\n".join([*pods, *services])


def _pod(name: str, address: str) -> str:
    tls = ", security.istio.io/tlsMode: istio" if name in SIDECARS else ""
    app = "db" if name in (DB_0, DB_1) else name
    return f"""\
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: shop, labels: {{app: {app}{tls}}}}}
spec: {{serviceAccountName: {name}, containers: [{{name: app}}]}}
status: {{phase: Running, podIP: {address}, conditions: [{{type: Ready, status: "True"}}]}}
"""


def _service(name: str, address: str, app: str, port: str) -> str:
    return f"""\
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec: {{clusterIP: {address}, selector: {{app: {app}}}, ports: [{port}]}}
"""
