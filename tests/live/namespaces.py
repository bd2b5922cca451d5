"""Network namespaces as pods: each has an address, iptables rules as a pod with a sidecar has, and programs in it.

Comes in: addresses. Goes out: namespaces on one bridge, sockets in them, prefixes of commands that run in them. Needs
root, iproute2 and iptables. A namespace lives as long as a process that the kernel kills when the test dies, and
takes its links, addresses and rules along: nothing is left behind, however the test ends.
"""

import asyncio
import contextlib
import ctypes
import os
import random
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

import aiohttp
import pytest

from pilot.agent import tether
from pilot.view.proxy import Interception
from tests.pilot.agent.eventually import eventually

PREFIX = "10.64.0"
HUB = f"{PREFIX}.1"
"""Of the bridge, where every pod's way out leads."""
LONGEST = 600
"""Seconds after which a namespace ends by itself."""
PROXY_GROUP = 1337
"""Programs of this group are the proxy: what they send is not intercepted."""
_MARK, _TABLE = 1337, 133
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET, linux/sched.h
_TOOLS = {"ip": "iproute2", "iptables-restore": "iptables", "unshare": "util-linux", "nsenter": "util-linux"}
_OWN_PORTS = "15000,15021,15090"


def require() -> None:
    """Skips the test where there can be no namespaces."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("network namespaces with interception need root on Linux")
    missing = sorted({package for tool, package in _TOOLS.items() if shutil.which(tool) is None})
    if missing:
        pytest.skip(f"network namespaces need Debian's {', '.join(missing)}: apt-get install {' '.join(missing)}")


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network of its own."""

    address: str
    holder: int
    """Process id of the program that keeps it alive."""

    @property
    def path(self) -> str:
        """Of the file that stands for it."""
        return f"/proc/{self.holder}/ns/net"

    def command(self, *command: str) -> tuple[str, ...]:
        """A command, run in it. The program is found by its full path."""
        return (_tool("nsenter"), f"--net={self.path}", *command)

    def make_socket(
        self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM, protocol: int = 0
    ) -> socket.socket:
        """A socket in it, for this process."""
        with _inside(self.path):
            made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made

    def listen(self, port: int, address: str = "0.0.0.0") -> socket.socket:
        """A socket that listens there."""
        made = self.make_socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        return made

    def connector(self) -> aiohttp.TCPConnector:
        """For clients in it; each request has a connection of its own."""
        return aiohttp.TCPConnector(force_close=True, socket_factory=lambda found: self.make_socket(*found[:3]))

    async def connect(self, address: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection from it. Raises: OSError."""
        made = self.make_socket()
        try:
            await asyncio.get_running_loop().sock_connect(made, (address, port))
        except BaseException:
            made.close()
            raise
        return await asyncio.open_connection(sock=made)


@contextlib.contextmanager
def _inside(path: str) -> Iterator[None]:
    """This thread is in another network; nothing may wait meanwhile, since the thread belongs to everybody."""
    libc = ctypes.CDLL(None, use_errno=True)
    own, other = (os.open(each, os.O_RDONLY) for each in ("/proc/thread-self/ns/net", path))
    try:
        if libc.setns(other, _NEW_NETWORK) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {path}")
        try:
            yield
        finally:
            assert libc.setns(own, _NEW_NETWORK) == 0, "this thread is lost in a foreign network"
    finally:
        os.close(own)
        os.close(other)


def _tool(name: str) -> str:
    found = shutil.which(name)
    assert found is not None, name
    return found


async def run(command: Sequence[str], given: str = "") -> None:
    """Runs a command to its end; fails with what it said."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate(given.encode())
    assert process.returncode == 0, f"{' '.join(command)}: {said.decode(errors='replace')}"


class Hub:
    """A bridge in a namespace of its own, and the pods on it: a network."""

    def __init__(self, prefix: str, namespace: Namespace, undo: contextlib.AsyncExitStack) -> None:
        self.namespace = namespace
        self._prefix, self._undo = prefix, undo
        self._links = 0

    async def pod(self, number: int, interception: Interception | None = None) -> Namespace:
        """A pod with the address `prefix.number`; with `interception` its traffic goes through a sidecar."""
        made = await self._undo.enter_async_context(_namespace(f"{self._prefix}.{number}"))
        await _ip(made, "link set lo up")
        await self.attach(made, number, "eth0")
        await _ip(made, f"route add default via {self.namespace.address}")
        if interception is not None:
            await _intercept(made, interception)
        return made

    async def attach(self, namespace: Namespace, number: int, link: str) -> str:
        """Makes a namespace a member of this network too, by a link of this name; its address here."""
        self._links += 1
        address, own = f"{self._prefix}.{number}", f"pod{self._links}"
        await _ip(
            self.namespace,
            f"link add {own} type veth peer name {link} netns {namespace.holder}",
            f"link set {own} master bridge0 up",
        )
        await _ip(namespace, f"address add {address}/16 dev {link}", f"link set {link} up")
        return address

    async def lead_to(self, outer: "Hub", number: int) -> None:
        """From here one gets to the members of another network, as `number` of it; nobody gets here from there."""
        await outer.attach(self.namespace, number, "out0")
        await run(self.namespace.command(_tool("sh"), "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"))
        await run(self.namespace.command(_tool("iptables-restore")), _LEAD_OUT)


@contextlib.asynccontextmanager
async def hub(prefix: str = PREFIX) -> AsyncIterator[Hub]:
    """An empty one; its own address is `prefix.1`. With it go all its pods."""
    async with contextlib.AsyncExitStack() as undo:
        namespace = await undo.enter_async_context(_namespace(f"{prefix}.1"))
        await _ip(
            namespace,
            "link set lo up",
            "link add bridge0 type bridge forward_delay 0",
            f"address add {namespace.address}/16 dev bridge0",
            "link set bridge0 up",
        )
        yield Hub(prefix, namespace, undo)


@contextlib.asynccontextmanager
async def _namespace(address: str) -> AsyncIterator[Namespace]:
    tied = (sys.executable, "-I", "-S", tether.__file__, str(os.getpid()))
    command = (*tied, _tool("unshare"), "--net", _tool("sleep"), str(LONGEST))
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
    made = Namespace(address, process.pid)
    try:
        await eventually(lambda: os.stat(made.path).st_ino != os.stat("/proc/self/ns/net").st_ino)
        yield made
    finally:
        process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def attached() -> AsyncIterator[tuple[Namespace, str]]:
    """One that this machine reaches over a link of its own, and the machine's address on that link."""
    net = f"198.{random.choice((18, 19))}.{random.randrange(256)}.{4 * random.randrange(64)}"  # nobody routes these
    prefix, _, last = net.rpartition(".")
    own, other = f"{prefix}.{int(last) + 1}", f"{prefix}.{int(last) + 2}"
    async with _namespace(other) as made:
        link = f"pod{made.holder}"
        await run((_tool("ip"), *f"link add {link} type veth peer name eth0 netns {made.holder}".split()))
        await run((_tool("ip"), *f"address add {own}/30 dev {link}".split()))
        await run((_tool("ip"), *f"link set {link} up".split()))
        await _ip(made, "link set lo up", f"address add {other}/30 dev eth0", "link set eth0 up")
        yield made, own


async def _ip(namespace: Namespace, *lines: str) -> None:
    await run(namespace.command(_tool("ip"), "-batch", "-"), "\n".join(lines) + "\n")


async def _intercept(namespace: Namespace, how: Interception) -> None:
    rules = {Interception.REDIRECT: _REDIRECT, Interception.TPROXY: _TPROXY}[how]
    if how is Interception.TPROXY:
        await _ip(
            namespace,
            f"rule add fwmark {_MARK} lookup {_TABLE}",
            f"route add local 0.0.0.0/0 dev lo table {_TABLE}",
        )
    await run(namespace.command(_tool("iptables-restore")), rules)


_LEAD_OUT = """\
*filter
-A FORWARD -i out0 -m conntrack --ctstate NEW -j DROP
COMMIT
*nat
-A POSTROUTING -o out0 -j MASQUERADE
COMMIT
"""
"""Who is outside sees one address for all, and has no way in but what is asked for from here."""

_OUTGOING = f"""\
-A OUTPUT -p tcp -m owner --gid-owner {PROXY_GROUP} -j RETURN
-A OUTPUT -p tcp -o lo -j RETURN
-A OUTPUT -p tcp -j REDIRECT --to-ports 15001
"""

_REDIRECT = f"""\
*nat
-A PREROUTING -p tcp -m multiport --dports {_OWN_PORTS} -j RETURN
-A PREROUTING -p tcp -j REDIRECT --to-ports 15006
{_OUTGOING}COMMIT
"""
"""As in a pod: what comes goes to 15006, what the workload sends to 15001, and the original destination is kept."""

_TPROXY = f"""\
*nat
{_OUTGOING}COMMIT
*mangle
-A PREROUTING -p tcp -m mark --mark {_MARK} -j CONNMARK --save-mark
-A OUTPUT -p tcp -m connmark --mark {_MARK} -j CONNMARK --restore-mark
-A PREROUTING -p tcp -i lo -j RETURN
-A PREROUTING -p tcp -m multiport --dports {_OWN_PORTS} -j RETURN
-A PREROUTING -p tcp -m socket --transparent -j MARK --set-mark {_MARK}
-A PREROUTING -p tcp -m socket --transparent -j ACCEPT
-A PREROUTING -p tcp -m conntrack --ctdir REPLY -j RETURN
-A PREROUTING -p tcp -j TPROXY --on-port 15006 --tproxy-mark {_MARK}
COMMIT
"""
"""Nothing is rewritten on the way in: the proxy and the workload see the address of the caller.

The proxy dials the workload from that address with a mark; the answers get it from their connection, so that they go
to the proxy and not out.
"""
