"""Looks at real servers, and at none."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from pilot.agent.probes import HEALTH_METHOD, SERVING, UnwellError, look
from pilot.model.workload_group import (
    ExecHealthCheck,
    GrpcHealthCheck,
    HTTPHeader,
    HTTPHealthCheck,
    ReadinessProbe,
    TCPHealthCheck,
)

SOON = 0.3


@asynccontextmanager
async def http(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[int]:
    application = web.Application()
    application.router.add_get("/ready", answer)
    async with TestServer(application, host="127.0.0.1") as server:
        assert server.port is not None
        yield server.port


@pytest.mark.parametrize(("status", "good"), [(200, True), (302, True), (199 + 200, True), (404, False), (503, False)])
async def test_http_is_good_from_200_to_399(status: int, good: bool) -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.headers["x-from"] == "probe"
        return web.Response(status=status, headers={"location": "http://192.0.2.1/"})

    async with http(answer) as port:
        headers = (HTTPHeader("x-from", "probe"),)
        probe = ReadinessProbe(http_get=HTTPHealthCheck("ready", port, "127.0.0.1", http_headers=headers))
        if good:
            await look(probe, 5)
        else:
            with pytest.raises(UnwellError, match=f"/ready: expected a status from 200 to 399, got {status}"):
                await look(probe, 5)


async def test_whoever_is_too_slow_is_not_well() -> None:
    async def answer(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with http(answer) as port:
        with pytest.raises(UnwellError, match=f"no answer in {SOON} s"):
            await look(ReadinessProbe(http_get=HTTPHealthCheck("/ready", port, "127.0.0.1")), SOON)


async def test_a_closed_port_is_not_well() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    probes = (
        ReadinessProbe(tcp_socket=TCPHealthCheck("127.0.0.1", port)),
        ReadinessProbe(http_get=HTTPHealthCheck("/", port, "127.0.0.1")),
        ReadinessProbe(grpc=GrpcHealthCheck(port)),
    )
    await look(probes[0], 5)
    server.close()
    await server.wait_closed()
    for each in probes:
        with pytest.raises(UnwellError):
            await look(each, 5)


@pytest.mark.parametrize(
    ("answer", "good"), [(SERVING, True), (b"\x08\x02", False), (b"", False)], ids=["serving", "not", "unknown"]
)
async def test_grpc_asks_the_health_service(answer: bytes, good: bool) -> None:
    asked = []

    async def check(request: Any, _: Any) -> bytes:
        asked.append(request)
        return answer

    server = grpc.aio.server()
    service, method = HEALTH_METHOD.strip("/").split("/")
    handlers = {method: grpc.unary_unary_rpc_method_handler(check)}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, handlers)])
    port = server.add_insecure_port("localhost:0")
    await server.start()
    try:
        probe = ReadinessProbe(grpc=GrpcHealthCheck(port, "shop" * 50))
        if good:
            await look(probe, 5)
        else:
            with pytest.raises(UnwellError, match="expected SERVING"):
                await look(probe, 5)
    finally:
        await server.stop(None)
    assert asked == [b"\x0a\xc8\x01" + b"shop" * 50]


async def test_a_command_is_good_where_it_ends_with_0() -> None:
    python = sys.executable
    await look(ReadinessProbe(exec=ExecHealthCheck((python, "-c", ""))), 20)
    with pytest.raises(UnwellError, match="expected exit code 0, got 3"):
        await look(ReadinessProbe(exec=ExecHealthCheck((python, "-c", "raise SystemExit(3)"))), 20)
    with pytest.raises(UnwellError, match="no answer"):
        await look(ReadinessProbe(exec=ExecHealthCheck((python, "-c", "input()", "-"))), 0)
    with pytest.raises(UnwellError, match="/nowhere: does not start"):
        await look(ReadinessProbe(exec=ExecHealthCheck(("/nowhere",))), 5)
