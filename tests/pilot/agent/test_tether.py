import asyncio
import os
import signal
import sys

import pytest

from pilot.agent import tether
from tests.pilot.agent.eventually import eventually

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-I", "-S", sys.argv[1], sys.argv[2], "/bin/sleep", "60"])
print(child.pid, flush=True)
child.wait()
"""


def is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_it_becomes_the_program() -> None:
    command = (sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), "/bin/echo", "said", "this")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    assert said == b"said this\n"


async def test_it_does_not_start_for_a_parent_that_is_gone() -> None:
    command = (sys.executable, "-I", "-S", tether.__file__, "1", "/bin/echo", "never")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    said, error = await process.communicate()
    assert (said, error) == (b"", b"/bin/echo: agent 1 is gone\n")
    assert process.returncode == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
async def test_the_program_dies_with_a_parent_that_is_killed() -> None:
    code = PARENT.replace("sys.argv[2]", "str(__import__('os').getpid())")
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, tether.__file__), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    assert is_alive(child)
    parent.send_signal(signal.SIGKILL)
    await parent.communicate()
    await eventually(lambda: not is_alive(child))
