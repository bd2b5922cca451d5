"""The four questions, asked of a real control plane with proxies connected: explain, why, live and wait, diff."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click
import grpc
import pytest
from click.testing import CliRunner, Result

from pilot.cli.diff import diff
from pilot.cli.explain import explain
from pilot.cli.live import live, wait
from pilot.cli.why import why
from pilot.type_urls import CLUSTER, ENDPOINT, LISTENER, ROUTE
from tests.control_plane import HTTP, MONITORING, ControlPlane, running
from tests.loopback import network
from tests.pilot.agent.eventually import eventually
from tests.pilot.xds.clients import Client
from tests.recordings import node_of
from tests.shared import ROOT

pytestmark = pytest.mark.timeout(90)

MESH = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: app}
spec: {clusterIP: 10.96.0.1, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: app, labels: {app: web, security.istio.io/tlsMode: istio}}
spec: {serviceAccountName: web, containers: [{name: web}]}
status: {podIP: 10.1.0.1, phase: Running, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-a, namespace: app, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [{addresses: [10.1.0.1], conditions: {ready: true}, targetRef: {kind: Pod, name: web-1, namespace: app}}]
---
apiVersion: v1
kind: Pod
metadata: {name: caller, namespace: app, labels: {app: caller, security.istio.io/tlsMode: istio}}
spec: {serviceAccountName: caller, containers: [{name: caller}]}
status: {podIP: 10.1.0.9, phase: Running}
"""
ROUTES = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: app}
spec:
  hosts: [web]
  http:
  - match: [{uri: {prefix: /old}}]
    redirect: {uri: /new}
  - timeout: TIMEOUT
    route: [{destination: {host: web}}]
"""
DENY = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-admin, namespace: app}
spec: {action: DENY, selector: {matchLabels: {app: web}}, rules: [{to: [{operation: {paths: [/admin]}}]}]}
"""
CALLER = {
    "id": "sidecar~10.1.0.9~caller.app~app.svc.cluster.local",
    "metadata": {"NAMESPACE": "app", "SERVICE_ACCOUNT": "caller", "CLUSTER_ID": "Kubernetes"},
}


@asynccontextmanager
async def world(work: Path) -> AsyncIterator[tuple[ControlPlane, Client]]:
    """A control plane, and a proxy that has accepted everything it was told."""
    manifests = work / "manifests"
    manifests.mkdir()
    (manifests / "mesh.yaml").write_text(MESH)
    (manifests / "routes.yaml").write_text(ROUTES.replace("TIMEOUT", "3s"))
    (manifests / "deny.yaml").write_text(DENY)
    with network() as addresses:
        async with running(ControlPlane(addresses.address(1), manifests, work)) as plane:
            channel = grpc.aio.insecure_channel(plane.grpc, [("grpc.use_local_subchannel_pool", 1)])
            client = Client(channel, True)
            client.node = node_of(CALLER)
            try:
                for type_url, names in ((CLUSTER, ()), (LISTENER, ()), (ROUTE, ("80",)),
                                        (ENDPOINT, ("outbound|80||web.app.svc.cluster.local",))):  # fmt: skip
                    await client.ack(await client.ask(type_url, *names))
                yield plane, client
            finally:
                client.call.cancel()
                await channel.close(None)


async def run(command: click.Command, plane: ControlPlane, *arguments: str) -> Result:
    given = [*arguments, "--address", f"{plane.address}:{HTTP}"]
    return await asyncio.to_thread(CliRunner().invoke, command, given)


async def asked(command: click.Command, plane: ControlPlane, *arguments: str) -> Any:
    result = await run(command, plane, *arguments, "-o", "json")
    return json.loads(result.stdout)


async def test_a_request_is_explained_to_its_end(tmp_path: Path) -> None:
    async with world(tmp_path) as (plane, _):
        told = await asked(explain, plane, "caller.app", "http://web/x")
        steps = {each["step"]: each for each in told["steps"]}
        assert told["allowed"]
        assert told["outcome"] == "answered by app/web-1 at 10.1.0.1:8080"
        assert steps["route"]["objects"] == ["VirtualService app/web"]
        assert "timeout 3 s" in steps["route"]["notes"]
        assert steps["endpoints"]["name"] == "10.1.0.1:8080"
        assert "client is spiffe://cluster.local/ns/app/sa/caller" in steps["policies"]["notes"]
        denied = await asked(explain, plane, "caller.app", "http://web/admin")
        assert denied["outcome"] == "403: denied by ns[app]-policy[no-admin]-rule[0]"
        assert (await asked(explain, plane, "caller.app", "http://web/old"))["outcome"] == "redirected to /new"
        nobody = await run(explain, plane, "nobody", "http://web/x")
        assert (nobody.exit_code, "no connected proxy" in nobody.output) == (1, True)
        offline = CliRunner().invoke(explain, ["caller.app", "web/admin", "-f", str(plane.manifests), "-o", "json"])
        assert json.loads(offline.stdout)["outcome"] == denied["outcome"]


async def test_why_and_whether_a_change_is_in_force(tmp_path: Path) -> None:
    async with world(tmp_path) as (plane, client):
        first = await asked(why, plane, "caller.app")
        assert first[0]["reasons"] == ["subscribed"]
        assert set(first[0]["types"]) >= {"CDS", "LDS", "RDS"}
        before = await asked(live, plane, "virtualservice/app/web")
        assert (before["acknowledged"], before["proxies"], before["live"]) == (1, 1, True)

        (plane.manifests / "routes.yaml").write_text(ROUTES.replace("TIMEOUT", "5s"))
        said = await client.receive()

        async def is_written_down() -> bool:
            (newest, *_) = await asked(why, plane, "caller.app")
            return bool(newest["objects"] == ["VirtualService app/web"] and newest["types"])

        await eventually(is_written_down)
        (newest, *_) = await asked(why, plane, "caller.app")
        assert newest["types"]["RDS"]["updated"] == 1
        assert newest["bytes"] > 0
        waiting = await run(wait, plane, "VirtualService/app/web", "--timeout", "100ms")
        assert (waiting.exit_code, "waiting RDS" in waiting.output) == (1, True)

        await client.ack(said)
        done = await run(wait, plane, "VirtualService/app/web", "--for=live", "--timeout", "10s")
        assert (done.exit_code, "acknowledged by 1 of 1 proxies" in done.output) == (0, True)
        assert (await run(wait, plane, "VirtualService/app/none", "--timeout", "0s")).exit_code == 1


async def test_a_change_is_known_before_it_is_made(tmp_path: Path) -> None:
    change = tmp_path / "change.yaml"
    change.write_text(ROUTES.replace("TIMEOUT", "9s"))
    async with world(tmp_path) as (plane, client):
        told = await asked(diff, plane, "-f", str(change))
        (only,) = told["classes"]
        assert (told["proxies"], told["of"], told["refused"]) == (1, 1, [])
        assert only["types"]["RDS"]["changed"] == ["80"]
        assert only["envoy"] in ("accepted", "unknown", "not asked")
        change.write_text(ROUTES.replace("TIMEOUT", "3s"))
        assert (await run(diff, plane, "-f", str(change))).exit_code == 0
        assert await client.is_quiet()  # nothing was applied
        offline = CliRunner().invoke(
            diff, ["-f", str(change), "--configDir", str(plane.manifests), "--no-validate", "-o", "json"]
        )
        assert json.loads(offline.stdout)["of"] == 2


async def test_each_command_brings_all_that_it_needs(tmp_path: Path) -> None:
    """As a program of its own: here, where all modules are loaded, it finds what it forgot to import."""
    async with world(tmp_path) as (plane, _):
        (tmp_path / "change.yaml").write_text(ROUTES.replace("TIMEOUT", "7s"))
        commands = [
            "proxy-config all caller.app",
            "explain caller.app http://web/x",
            "status",
            f"xds dump caller.app --xds-address {plane.grpc}",
            "diff -f change.yaml",
        ]

        async def play(words: str) -> tuple[str, int | None, bytes, bool]:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "pilot.cli.main", *words.split()),
                cwd=tmp_path,
                env=os.environ | {"MESHPILOT_ADDRESS": f"{plane.address}:{MONITORING}", "PYTHONPATH": str(ROOT)},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            said, complaint = await process.communicate()
            return words, process.returncode, complaint, bool(said)

        found = await asyncio.gather(*map(play, commands))
        assert found == [(each, int(each.startswith("diff")), b"", True) for each in commands]
