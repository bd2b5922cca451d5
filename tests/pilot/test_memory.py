"""What a control plane tells the collector, in a process of its own: this one keeps its habits."""

import subprocess
import sys

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
