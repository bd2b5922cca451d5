"""Between Envoy and the control plane: messages pass as they are, and the health of the workload goes along.

In: streams of ADS that Envoy opens on the agent's socket, in either protocol, and the `Prober`. Out: a stream to the
control plane for each, by the proxy's own certificate, with a health report after Envoy's first request and whenever
the health changes. An end on one side is an end on the other, with its status: Envoy comes back by itself. Used only
where there is a readiness probe; every other Envoy is connected straight to the control plane.

Source: xDS behaviour 1.2, 1.12.
"""

import asyncio
from typing import Any, Final

import grpc
import grpc.aio
from envoy.service.discovery.v3 import discovery_pb2

from pilot.agent.certificate_authority import call_metadata, open_channel
from pilot.agent.identity import Identity
from pilot.agent.options import AgentOptions
from pilot.agent.probing import Health, Prober
from pilot.agent.workload_certificate import encode_certificates
from pilot.type_urls import HEALTH

SERVICE: Final = "envoy.service.discovery.v3.AggregatedDiscoveryService"
_REQUESTS: Final = {
    "StreamAggregatedResources": discovery_pb2.DiscoveryRequest,
    "DeltaAggregatedResources": discovery_pb2.DeltaDiscoveryRequest,
}
_EOF: Final = grpc.aio.EOF  # type: ignore[attr-defined]  # not in stubs


class Relay:
    """The streams of one proxy."""

    def __init__(self, options: AgentOptions, identity: Identity, prober: Prober) -> None:
        self._options, self._identity, self._prober = options, identity, prober

    def handler(self) -> Any:
        """The service, for the server on the agent's socket."""

        def method(name: str) -> Any:
            async def streamed(_: Any, context: Any) -> None:
                await self._relay(name, context)

            # Without (de)serializers both sides are bytes; the unused iterator is the other way to read a call.
            return grpc.stream_stream_rpc_method_handler(streamed)

        return grpc.method_handlers_generic_handler(SERVICE, {name: method(name) for name in _REQUESTS})

    async def _relay(self, name: str, context: Any) -> None:
        """One stream, until either side ends it."""
        await self._identity.available.wait()
        certificate = self._identity.certificate
        roots = encode_certificates(self._identity.roots())
        async with open_channel(self._options, roots, certificate) as channel:
            open_call: Any = channel.stream_stream  # grpc-stubs asks for serializers; without them it is bytes
            call = open_call(f"/{SERVICE}/{name}")(metadata=call_metadata(self._options, certificate))
            up = asyncio.create_task(self._up(context, call, _REQUESTS[name]))
            down = asyncio.create_task(_down(call, context))
            try:
                await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
                ended = await _status(call) if call.done() else None
            finally:
                for each in (up, down):
                    each.cancel()
                await asyncio.gather(up, down, return_exceptions=True)
                call.cancel()
        if ended is not None and ended[0] is not grpc.StatusCode.OK:
            await context.abort(*ended)

    async def _up(self, context: Any, call: Any, kind: Any) -> None:
        """What Envoy asks; a report after the first request, and one for each change."""
        with self._prober.watch() as changed:
            request = await context.read()
            told: Health | None = None
            reading, waiting = None, asyncio.ensure_future(changed.wait())
            try:
                while request is not _EOF:
                    if request is not None:
                        await call.write(request)
                    changed.clear()
                    if self._prober.health is not None and self._prober.health != told:
                        told = self._prober.health
                        await call.write(encode_report(kind, told))
                    reading = reading or asyncio.ensure_future(context.read())
                    if waiting.done():
                        waiting = asyncio.ensure_future(changed.wait())
                    await asyncio.wait((reading, waiting), return_when=asyncio.FIRST_COMPLETED)
                    request, reading = (reading.result(), None) if reading.done() else (None, reading)
            finally:
                waiting.cancel()
                if reading is not None:
                    reading.cancel()


def encode_report(kind: Any, health: Health) -> bytes:
    """A request of the kind (state of the world, delta) that says how the workload is."""
    report = kind(type_url=HEALTH)
    if not health.is_well:
        report.error_detail.code = grpc.StatusCode.UNAVAILABLE.value[0]
        report.error_detail.message = health.reason
    return bytes(report.SerializeToString())


async def _down(call: Any, context: Any) -> None:
    while (response := await call.read()) is not _EOF:
        await context.write(response)


async def _status(call: Any) -> tuple[grpc.StatusCode, str]:
    return await call.code(), await call.details() or ""
