"""Calls with one answer are counted, streams are not."""

from typing import Any

import grpc
import pytest
from prometheus_client import CollectorRegistry

from pilot.debug.call_metrics import CallMetrics
from pilot.debug.exposition import generate


async def echo(request: bytes, context: Any) -> bytes:
    if request == b"bad":
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, "no")
    return request


async def stream(_: Any, context: Any) -> None:
    await context.write(b"x")


def handlers() -> Any:
    return grpc.method_handlers_generic_handler(
        "t.Service",
        {
            "Call": grpc.unary_unary_rpc_method_handler(echo),
            "Watch": grpc.stream_stream_rpc_method_handler(stream),
        },
    )


async def test_calls_are_counted_with_how_they_ended() -> None:
    registry = CollectorRegistry()
    server = grpc.aio.server(interceptors=(CallMetrics(registry),))
    server.add_generic_rpc_handlers((handlers(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call: Any = channel.unary_unary
            assert await call("/t.Service/Call")(b"x") == b"x"
            with pytest.raises(grpc.aio.AioRpcError):
                await call("/t.Service/Call")(b"bad")
            watch: Any = channel.stream_stream
            async for each in watch("/t.Service/Watch")(iter(())):
                assert each == b"x"
    finally:
        await server.stop(0)
    text, labels = generate(registry), 'grpc_method="Call",grpc_service="t.Service",grpc_type="unary"'
    assert f"grpc_server_started_total{{{labels}}} 2.0" in text
    assert f'grpc_server_handled_total{{grpc_code="OK",{labels}}} 1.0' in text
    assert f'grpc_server_handled_total{{grpc_code="PermissionDenied",{labels}}} 1.0' in text
    assert f"grpc_server_msg_sent_total{{{labels}}} 1.0" in text
    assert f"grpc_server_handling_seconds_count{{{labels}}} 2.0" in text
    assert "Watch" not in text
