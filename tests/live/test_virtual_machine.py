"""A workload outside Kubernetes: its agent registers it and reports its health; another Envoy's calls follow."""

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ca.authn import local_issuer
from pilot.agent.agent import Agent
from pilot.agent.options import Address, AgentOptions
from pilot.demo.stage import IssuedToken
from tests import control_plane
from tests.envoys import newest_envoy
from tests.live import client_side
from tests.live.client_side import CLIENT, PORT, Play, Server, count
from tests.live.mesh import serving
from tests.pilot.agent.eventually import eventually

pytestmark = pytest.mark.timeout(120)

VM, NUMBER, INSIDE = "vm", 31, 32
"""Its name; last part of the address where others reach it, and of the one where only its own agent does."""
CLUSTER = f"outbound|{PORT}||web.shop.svc.cluster.local"
GRACE = 4
"""Seconds: longer than an Envoy waits before it tries to come back."""
GROUP = """
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {{name: machines, namespace: shop}}
spec:
  metadata: {{labels: {{app: web, security.istio.io/tlsMode: istio}}}}
  template: {{serviceAccount: machine}}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: machines, namespace: shop}}
spec:
  workloadSelector: {{labels: {{machine: "yes"}}}}
  ingress:
  - port: {{number: {port}, protocol: HTTP, name: http}}
    bind: {address}
    defaultEndpoint: unix://{socket}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: machines, namespace: shop}}
spec: {{selector: {{matchLabels: {{machine: "yes"}}}}, mtls: {{mode: STRICT}}}}
"""


class Machine:
    """A program with an agent and an Envoy beside it. `is_well`: what it answers to its own agent."""

    def __init__(self, play: Play, agent: Agent) -> None:
        self._play, self.agent, self.is_well = play, agent, True
        self.program = Server(VM)
        self.program.behave = self._behave
        self.address = f"{play.network.address(NUMBER)}:{PORT}"

    async def _behave(self, request: web.Request) -> web.Response:
        return web.Response(status=503 if request.path == "/ready" and not self.is_well else 200)

    @contextlib.asynccontextmanager
    async def listening(self, play: Play) -> AsyncIterator[None]:
        """The program, for its Envoy and for its agent."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self.program.answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        try:
            await web.UnixSite(runner, "\0" + play.network.socket(VM)[1:]).start()
            async with self.program.listening(play.network.address(INSIDE), PORT):
                yield
        finally:
            await runner.cleanup()

    async def is_known(self, *, wanted: bool = True) -> bool:
        """Whether the client's Envoy may send calls there."""
        return (self.address in await self._play.mesh.endpoints(CLIENT, CLUSTER)) is wanted

    async def serves(self, *, wanted: bool = True) -> bool:
        """Whether some of the client's calls get there; none of them may fail."""
        answers = await self._play.many(40)
        assert {each.status for each in answers} == {200}
        return (VM in count(answers)) is wanted


def _options(directory: Path, play: Play) -> AgentOptions:
    plane, addresses = play.mesh.control_plane, play.network
    look: dict[str, Any] = {"httpGet": {"path": "/ready", "port": PORT, "host": addresses.address(INSIDE)}}
    return AgentOptions(
        pod=VM,
        namespace="shop",
        service_account="machine",
        labels={"app": "web", "machine": "yes"},
        metadata={
            "AUTO_REGISTER_GROUP": "machines",
            "PROXY_CONFIG": {"readinessProbe": look | {"periodSeconds": 1, "failureThreshold": 1}},
        },
        ip=addresses.address(NUMBER),
        admin=Address(addresses.address(NUMBER), 0),
        root=plane.root,
        run_dir=directory / VM,
        envoy=newest_envoy(),
        discovery=Address(plane.address, control_plane.SECURE),
        token=IssuedToken(local_issuer.load_or_create(plane.state), "shop", "machine"),
        concurrency=1,
        drain=timedelta(seconds=5),
    )


async def test_calls_follow_the_health_of_a_machine_that_comes_and_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILOT_WORKLOAD_ENTRY_GRACE_PERIOD", f"{GRACE}s")
    async with client_side.playing(tmp_path, newest_envoy()) as play:
        plane = play.mesh.control_plane
        place, socket = play.network.address(NUMBER), play.network.socket(VM)
        play.mesh.write("group.yaml", GROUP.format(port=PORT, address=place, socket=socket))
        machine = Machine(play, Agent(_options(tmp_path, play)))
        assert await machine.serves(wanted=False)
        async with machine.listening(play):
            async with serving([machine.agent]):
                await eventually(machine.is_known)
                await eventually(machine.serves)
                caller = machine.program.seen[-1]["x-forwarded-client-cert"]
                assert "URI=spiffe://cluster.local/ns/shop/sa/client" in caller, "mutual TLS between the two Envoys"

                machine.is_well = False
                await eventually(lambda: machine.is_known(wanted=False))
                assert await machine.serves(wanted=False)

                machine.is_well = True
                await eventually(machine.is_known)
                await eventually(machine.serves)

                await plane.kill()
                await plane.start()
                await eventually(lambda: plane.lines("machines-", "connected again"))
                assert await machine.is_known()
                assert await machine.serves()

                machine.agent.stop()
                await eventually(lambda: machine.is_known(wanted=False))
                assert not plane.lines("taken away"), "it goes before its entry does"
                assert await machine.serves(wanted=False)
            await eventually(lambda: plane.lines(f"shop/machines-{place}", "taken away"))
