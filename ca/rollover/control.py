"""How an operator reaches the control plane that conducts a change of root: a Unix socket in the state directory.

Who may enter the state directory may read the root's key anyway; nobody else can reach the socket, whatever ports are
open. In a pod: `kubectl exec`. One line of JSON comes in, one goes out. `ask` is the client, `ControlSocket` the
server.

Source: issue "certificate authority", part 5.
"""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ca.errors import CaError, RolloverError, StateError
from ca.rollover.conductor import Conductor, Status
from ca.rollover.stages import Action

SOCKET = "ca.sock"
SECONDS = 30.0
"""For an answer: a new RSA key takes a second on a busy machine."""
_LONGEST_LINE = 1 << 16
_ANSWER_LINE = 16 << 20

_log = logging.getLogger("ca")


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator wants: `status`, `begin`, `forget`, or an `Action`."""

    do: str
    is_stepwise: bool = False
    is_ec: bool | None = None
    most: int = 20
    """Laggards by name in the answer."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Where it stands afterwards, or why not."""

    status: Status | None = None
    error: str = ""


class ControlSocket:
    """The server. `serve` it."""

    def __init__(self, conductor: Conductor, directory: Path) -> None:
        self._conductor = conductor
        self._directory = directory

    async def serve(self) -> None:
        """Answers for ever; ends only by cancellation. Where another process listens already, it does nothing."""
        server = await self._listen()
        if server is None:
            await asyncio.Event().wait()
            raise AssertionError("unreachable: nobody sets the event")
        try:
            await server.serve_forever()
        finally:
            (self._directory / SOCKET).unlink(missing_ok=True)

    async def _listen(self) -> asyncio.AbstractServer | None:
        """None where it cannot, or another process does."""
        try:
            if not await _is_answered(self._directory):
                return await self._bind()
            _log.info(f"{self._directory / SOCKET}: another control plane answers there")
        except OSError as error:
            _log.error(f"{self._directory / SOCKET}: the root cannot be changed by command: {error.strerror or error}")
        return None

    async def _bind(self) -> asyncio.AbstractServer:
        with _short(self._directory) as path:
            (self._directory / SOCKET).unlink(missing_ok=True)
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                listener.bind(path)
                os.chmod(self._directory / SOCKET, 0o600)
                listener.setblocking(False)
                return await asyncio.start_unix_server(self._answer, sock=listener, limit=_LONGEST_LINE)
            except BaseException:
                listener.close()
                raise

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(SECONDS):
                answer = await self._fulfil(await _read_line(reader))
                writer.write(msgspec.json.encode(answer) + b"\n")
                await writer.drain()
        writer.close()

    async def _fulfil(self, line: bytes) -> Answer:
        conductor = self._conductor
        try:
            wish = msgspec.json.decode(line, type=Wish)
            match wish.do:
                case "status":
                    pass
                case "begin":
                    await conductor.begin(is_stepwise=wish.is_stepwise, is_ec=wish.is_ec)
                case "forget":
                    await conductor.forget()
                case _:
                    await conductor.act(Action(wish.do))
            return Answer(status=conductor.status(max(0, min(wish.most, 10_000))))
        except CaError as error:
            return Answer(error=str(error))
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
            return Answer(error=f"expected a wish, got something else: {error}")


async def ask(directory: Path, wish: Wish) -> Status:
    """Tells the control plane on a state directory what is wanted.

    Raises: RolloverError with its reason; StateError where none runs there.
    """
    where = directory / SOCKET
    try:
        async with asyncio.timeout(SECONDS):
            with _short(directory) as path:
                reader, writer = await asyncio.open_unix_connection(path, limit=_ANSWER_LINE)
            try:
                writer.write(msgspec.json.encode(wish) + b"\n")
                answer = msgspec.json.decode(await _read_line(reader), type=Answer)
            finally:
                writer.close()
    except (OSError, TimeoutError) as error:
        raise StateError(f"{where}: no control plane runs on this state directory") from error
    except msgspec.DecodeError as error:
        raise StateError(f"{where}: the control plane ended before it answered") from error
    if answer.status is None:
        raise RolloverError(answer.error)
    return answer.status


async def _read_line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError:
        return b""


async def _is_answered(directory: Path) -> bool:
    """Whether a process listens already; the socket of a dead one refuses."""
    try:
        with _short(directory) as path:
            _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    writer.close()
    return True


@contextmanager
def _short(directory: Path) -> Iterator[str]:
    """The socket under a name that is short enough for the system, however deep its directory lies."""
    path = str(directory / SOCKET)
    if len(os.fsencode(path)) < 100 or not os.path.isdir("/proc/self/fd"):
        yield path
        return
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)
