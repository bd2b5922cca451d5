"""An Envoy's stream through the agent's socket to a real server behind TLS, with reports of health on the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from envoy.service.discovery.v3 import discovery_pb2

from pilot.agent.certificate_authority import ControlPlane
from pilot.agent.identity import Identity
from pilot.agent.options import Address
from pilot.agent.probing import Health, Prober
from pilot.agent.relay import SERVICE, Relay, encode_report
from pilot.agent.sds import SecretServer
from pilot.agent.secret_store import SecretStore
from pilot.agent.token import BearerToken, FixedToken
from pilot.model.workload_group import ReadinessProbe
from pilot.type_urls import CLUSTER, HEALTH
from tests.ca.makers import running_authority
from tests.pilot.agent.eventually import eventually
from tests.pilot.agent.examples import options

STATE, DELTA = discovery_pb2.DiscoveryRequest, discovery_pb2.DeltaDiscoveryRequest
LARGE, TIMES = 3 << 20, 3
METHODS = {"StreamAggregatedResources": STATE, "DeltaAggregatedResources": DELTA}


@dataclass
class Upstream:
    """A control plane that repeats what it hears (if large, several times), and ends a stream when told to."""

    heard: list[bytes] = field(default_factory=list)
    who: list[bool] = field(default_factory=list)
    streams: int = 0
    refusal: asyncio.Event = field(default_factory=asyncio.Event)

    def handler(self) -> Any:
        async def streamed(_: Any, context: Any) -> None:
            self.streams += 1
            refused = asyncio.create_task(self.refusal.wait())
            repeating = asyncio.create_task(self._repeat(context))
            try:
                await asyncio.wait((refused, repeating), return_when=asyncio.FIRST_COMPLETED)
            finally:
                self.streams -= 1
                refused.cancel()
                repeating.cancel()
            if self.refusal.is_set():
                await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no such group")

        method = grpc.stream_stream_rpc_method_handler(streamed)
        return grpc.method_handlers_generic_handler(SERVICE, dict.fromkeys(METHODS, method))

    async def _repeat(self, context: Any) -> None:
        while (request := await context.read()) is not grpc.aio.EOF:  # type: ignore[attr-defined]
            self.heard.append(request)
            await context.write(request * TIMES if len(request) > LARGE else request)


class Setting:
    """A relay with its two ends."""

    def __init__(self, upstream: Upstream, prober: Prober, socket: Path) -> None:
        self.upstream, self.prober, self._socket = upstream, prober, socket

    @asynccontextmanager
    async def envoy(self, method: str) -> AsyncIterator[Any]:
        """A stream as Envoy opens it."""
        target = f"unix:{self._socket}"
        async with grpc.aio.insecure_channel(target, options=[("grpc.max_receive_message_length", -1)]) as channel:
            open_call: Any = channel.stream_stream
            call = open_call(f"/{SERVICE}/{method}")()
            yield call
            call.cancel()

    def reports(self, kind: Any) -> list[str]:
        """The reasons in reports of health that arrived; empty where the workload is well."""
        requests = [kind.FromString(each) for each in self.upstream.heard]
        return [each.error_detail.message for each in requests if each.type_url == HEALTH]


async def _envoy_is_ready() -> str | None:
    return None


@asynccontextmanager
async def relayed(directory: Path) -> AsyncIterator[Setting]:
    upstream = Upstream()
    async with running_authority(directory, handlers=[upstream.handler()]) as running:
        chosen = options(
            directory,
            discovery=Address("127.0.0.1", int(running.address.rpartition(":")[2])),
            discovery_name="localhost",
            token=FixedToken(BearerToken(running.issuer.issue("default", "bookinfo-reviews"))),
        )
        chosen.root.write_text(running.roots)
        store = SecretStore("p")
        identity = Identity(chosen, store, ControlPlane(chosen))
        prober = Prober(ReadinessProbe(), _envoy_is_ready, "p")
        socket = directory / "sds.sock"
        server = SecretServer(store, socket, "p", Relay(chosen, identity, prober).handler())
        await server.start()
        keeper: asyncio.Task[Any] = asyncio.create_task(identity.serve())
        try:
            yield Setting(upstream, prober, socket)
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            await server.stop()


@pytest.mark.parametrize("method", METHODS)
async def test_messages_pass_and_health_goes_along_after_the_first_of_them(tmp_path: Path, method: str) -> None:
    kind = METHODS[method]
    async with relayed(tmp_path) as setting, setting.envoy(method) as envoy:
        first = kind(type_url=CLUSTER).SerializeToString()
        setting.prober._say(Health(False, "not yet"))
        await envoy.write(first)
        assert await envoy.read() == first
        assert setting.upstream.heard[0] == first
        await eventually(lambda: setting.reports(kind) == ["not yet"])
        assert await envoy.read() == encode_report(kind, Health(False, "not yet"))

        large = kind(type_url=CLUSTER, response_nonce="n" * LARGE).SerializeToString()
        await envoy.write(large)
        assert await envoy.read() == large * TIMES, "larger than gRPC's own limit"

        setting.prober._say(Health(True))
        await eventually(lambda: setting.reports(kind) == ["not yet", ""])
        await envoy.write(first)
        await eventually(lambda: setting.upstream.heard[-1] == first)
        assert setting.reports(kind) == ["not yet", ""], "said once"


async def test_a_new_stream_is_told_what_the_last_one_was(tmp_path: Path) -> None:
    async with relayed(tmp_path) as setting:
        setting.prober._say(Health(True))
        for count in (1, 2):
            async with setting.envoy("DeltaAggregatedResources") as envoy:
                await envoy.write(DELTA(type_url=CLUSTER).SerializeToString())
                await eventually(lambda count=count: len(setting.reports(DELTA)) == count)  # type: ignore[misc]
            await eventually(lambda: setting.upstream.streams == 0)


async def test_an_end_reaches_the_other_side_with_its_status(tmp_path: Path) -> None:
    async with relayed(tmp_path) as setting:
        async with setting.envoy("DeltaAggregatedResources") as envoy:
            await envoy.write(DELTA(type_url=CLUSTER).SerializeToString())
            await envoy.read()
            setting.upstream.refusal.set()
            assert await envoy.code() is grpc.StatusCode.FAILED_PRECONDITION
            assert await envoy.details() == "no such group"
        setting.upstream.refusal.clear()
        async with setting.envoy("DeltaAggregatedResources") as envoy:
            await envoy.write(DELTA(type_url=CLUSTER).SerializeToString())
            await envoy.read()
            await envoy.done_writing()
            await eventually(lambda: setting.upstream.streams == 0)
