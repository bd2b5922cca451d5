"""Loopback addresses for one test: no other test, and no other run on this machine, gets the same.

Comes in: nothing. Goes out: a `127.a.b` and its addresses, for as long as the context lasts.
"""

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

FIRST, LAST = 64, 127
"""Where `a` comes from: far from 127.0.0.1 and from the addresses of examples/."""


@dataclass(frozen=True, slots=True)
class Network:
    """256 addresses, `prefix` is `127.a.b`."""

    prefix: str

    def address(self, number: int) -> str:
        """`127.a.b.number`."""
        return f"{self.prefix}.{number}"

    def socket(self, name: str) -> str:
        """The name of an abstract Unix socket that nobody else has, as configuration writes it: `@...`."""
        return f"@meshpilot-{self.prefix}-{name}"


@contextmanager
def network() -> Iterator[Network]:
    """Takes a network. The kernel gives it back however we end: what holds it is a socket without a file."""
    with socket.socket(socket.AF_UNIX) as lock:
        while True:
            prefix = f"127.{random.randint(FIRST, LAST)}.{random.randint(0, 255)}"
            try:
                lock.bind(f"\0meshpilot-{prefix}")
            except OSError:
                continue
            yield Network(prefix)
            return
