"""One look at the workload beside Envoy: over HTTP, TCP, gRPC's health service, or by a command.

In: a check of a ReadinessProbe. Out: nothing where the workload is well, else `UnwellError` with the reason. An empty
host is this machine. Does not count, wait or repeat: see `probing.py`. Source: operations 14, CA behaviour 8.
"""

import asyncio
import contextlib
from typing import Any, Final

import aiohttp
import grpc
import grpc.aio

from pilot.model.workload_group import (
    ExecHealthCheck,
    GrpcHealthCheck,
    HTTPHealthCheck,
    ReadinessProbe,
    TCPHealthCheck,
)

HERE: Final = "localhost"
HEALTH_METHOD: Final = "/grpc.health.v1.Health/Check"
SERVING: Final = b"\x08\x01"
"""`HealthCheckResponse{status: SERVING}`."""
_GOOD: Final = range(200, 400)


class UnwellError(Exception):
    """The workload does not answer as it should; says how it does."""


async def look(probe: ReadinessProbe, within: float) -> None:
    """Asks the workload once, for so many seconds. Raises: UnwellError."""
    check = probe.http_get or probe.tcp_socket or probe.grpc or probe.exec
    try:
        async with asyncio.timeout(within):
            match check:
                case HTTPHealthCheck():
                    await _http(check)
                case TCPHealthCheck():
                    await _tcp(check)
                case GrpcHealthCheck():
                    await _grpc(check)
                case ExecHealthCheck():
                    await _command(check)
    except TimeoutError as error:
        raise UnwellError(f"no answer in {within:g} s") from error


async def _http(check: HTTPHealthCheck) -> None:
    host = f"[{check.host}]" if ":" in check.host else check.host or HERE
    url = f"{(check.scheme or 'HTTP').lower()}://{host}:{check.port}/{check.path.removeprefix('/')}"
    try:
        async with (
            aiohttp.ClientSession(trust_env=False, auto_decompress=False) as session,
            # whom we ask is this machine's business: nobody certified it
            session.get(
                url,
                headers={each.name: each.value for each in check.http_headers},
                allow_redirects=False,
                ssl=False,
            ) as answer,
        ):
            status = answer.status
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise UnwellError(f"{url}: {error}") from error
    if status not in _GOOD:
        raise UnwellError(f"{url}: expected a status from 200 to 399, got {status}")


async def _tcp(check: TCPHealthCheck) -> None:
    where = f"{check.host or HERE}:{check.port}"
    try:
        _, writer = await asyncio.open_connection(check.host or HERE, check.port)
    except OSError as error:
        raise UnwellError(f"{where}: {error.strerror or error}") from error
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _grpc(check: GrpcHealthCheck) -> None:
    name = check.service.encode()
    request = b"\x0a" + _varint(len(name)) + name if name else b""  # HealthCheckRequest{service}
    where = f"{HERE}:{check.port}"
    options = (("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1))
    async with grpc.aio.insecure_channel(where, options=options) as channel:
        ask: Any = channel.unary_unary  # grpc-stubs asks for serializers; without them bytes go in and out
        try:
            answer = await ask(HEALTH_METHOD)(request)
        except grpc.aio.AioRpcError as error:
            raise UnwellError(f"{where}: {error.code().name}: {error.details()}") from error
    if answer != SERVING:
        raise UnwellError(f"{where}: expected SERVING, got {answer.hex() or 'UNKNOWN'}")


def _varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + _varint(number >> 7)


async def _command(check: ExecHealthCheck) -> None:
    try:
        process = await asyncio.create_subprocess_exec(
            *check.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError as error:
        raise UnwellError(f"{check.command[0]}: does not start: {error.strerror or error}") from error
    try:
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code != 0:
        raise UnwellError(f"{check.command[0]}: expected exit code 0, got {code}")
