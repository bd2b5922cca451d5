"""The operator's socket: what it answers, who may use it, and that nothing said to it does harm."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ca.errors import RolloverError, StateError
from ca.rollover.control import SOCKET, ControlSocket, Wish, ask
from tests.ca.makers import until
from tests.ca.rollover.conducting import Podium


@asynccontextmanager
async def answering(podium: Podium) -> AsyncIterator[None]:
    task = asyncio.create_task(ControlSocket(podium.conductor, podium.path).serve())
    try:
        await until((podium.path / SOCKET).exists)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def say(path: Path, line: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(path / SOCKET))
    writer.write(line)
    if not line.endswith(b"\n"):
        writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


async def test_a_change_is_begun_and_acted_on(tmp_path: Path) -> None:
    podium = Podium(tmp_path)
    async with answering(podium):
        assert (await ask(tmp_path, Wish(do="status"))).stage == "none"
        assert (await ask(tmp_path, Wish(do="begin", is_ec=True))).stage == "adding"
        assert (await ask(tmp_path, Wish(do="pause"))).is_paused
        assert (await ask(tmp_path, Wish(do="roll-back"))).stage == "withdrawn"
        assert (await ask(tmp_path, Wish(do="forget"))).stage == "none"
    assert not (tmp_path / SOCKET).exists()


async def test_refusal_comes_with_its_reason(tmp_path: Path) -> None:
    async with answering(Podium(tmp_path)):
        with pytest.raises(RolloverError, match="never been changed"):
            await ask(tmp_path, Wish(do="advance"))


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"{}\n", b"[1]\n", b'{"do":"dance"}\n', b"\xff\xfe\n", b"x" * 200_000, b'{"do":"begin"']
)
async def test_nonsense_is_answered_with_an_error_and_changes_nothing(tmp_path: Path, line: bytes) -> None:
    podium = Podium(tmp_path)
    async with answering(podium):
        assert b'"error":"expected a wish' in await say(tmp_path, line)
        assert (await ask(tmp_path, Wish(do="status"))).stage == "none"


async def test_only_the_owner_reaches_the_socket(tmp_path: Path) -> None:
    async with answering(Podium(tmp_path)):
        assert (tmp_path / SOCKET).stat().st_mode & 0o777 == 0o600


async def test_socket_of_a_dead_control_plane_is_no_control_plane_and_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    server = await asyncio.start_unix_server(lambda _, __: None, str(tmp_path / SOCKET))
    server.close()
    await server.wait_closed()
    if not (tmp_path / SOCKET).exists():  # newer Pythons tidy up
        (tmp_path / SOCKET).touch()
    with pytest.raises(StateError, match="no control plane runs"):
        await ask(tmp_path, Wish(do="status"))
    async with answering(Podium(tmp_path)):
        async with asyncio.timeout(5):
            while True:
                try:
                    assert (await ask(tmp_path, Wish(do="status"))).stage == "none"
                    break
                except StateError:
                    await asyncio.sleep(0.01)


async def test_second_control_plane_leaves_the_socket_to_the_first(tmp_path: Path) -> None:
    podium = Podium(tmp_path)
    async with answering(podium):
        async with answering(Podium(tmp_path)):
            await asyncio.sleep(0.05)
            await ask(tmp_path, Wish(do="begin"))
        assert podium.conductor.status().stage == "adding"
        assert (await ask(tmp_path, Wish(do="status"))).stage == "adding"


async def test_directory_may_lie_deep(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 90) / ("e" * 90)
    deep.mkdir(parents=True)
    async with answering(Podium(deep)):
        assert (await ask(deep, Wish(do="status"))).stage == "none"
