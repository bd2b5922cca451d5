"""What a control plane tells the collector, in a process of its own: this one keeps its habits."""

import subprocess
import sys

import pytest

SETTLED = """
import gc
from pilot import memory
memory.prepare()
assert not gc.isenabled()
kept = [[] for _ in range(1000)]
memory.settle()
young, middle, old = gc.get_threshold()
print(gc.get_freeze_count() >= 1000, gc.isenabled(), young > 700, old > 10)
"""


def test_what_exists_when_serving_begins_is_never_looked_at_again() -> None:
    done = subprocess.run([sys.executable, "-c", SETTLED], capture_output=True, check=True, text=True)
    assert done.stdout.split() == ["True"] * 4


def test_it_works_twice() -> None:
    subprocess.run([sys.executable, "-c", SETTLED * 2], capture_output=True, check=True)


RETURNED = """
import asyncio, time
from pilot import memory
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
async def main():
    memory.RETURN_EVERY = 0.01
    task = asyncio.create_task(memory.serve_returns())
    # more than a few pages each, less than what the allocator maps on its own; the last one stays above the holes
    blocks = [bytes(60_000) for _ in range(2000)]
    full = resident()
    del blocks[1:-1]
    end = time.monotonic() + 10
    while full - resident() < 80_000_000 and time.monotonic() < end:
        await asyncio.sleep(0.02)
    print(full - resident() >= 80_000_000)
    task.cancel()
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is what returns them")
def test_what_a_burst_took_goes_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", RETURNED], capture_output=True, check=True, text=True)
    assert done.stdout.split() == ["True"]
