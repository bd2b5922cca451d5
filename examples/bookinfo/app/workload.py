"""What the four services share: serve on a local socket behind the sidecar, call others through the sidecar.

A workload has no open port of its own: it listens on an abstract Unix socket, and only its sidecar dials that. For
calls every host name resolves to the sidecar's outbound address; which service is meant, the sidecar reads from the
host.

    python productpage.py --socket @bookinfo-productpage-v1 --sidecar 127.0.11.11
"""

import argparse
import socket
from typing import Any

from aiohttp import ClientSession, ClientTimeout, TCPConnector, abc, web

TRACE_HEADERS = ("x-request-id", "traceparent", "tracestate", "b3", "end-user")


class SidecarResolver(abc.AbstractResolver):
    """Resolves every name to the sidecar."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[Any]:
        """One answer, whatever the host is."""
        return [
            {"hostname": host, "host": self._address, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
        ]

    async def close(self) -> None:
        """Nothing is held."""


def arguments() -> argparse.Namespace:
    """The command line of every service."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", required=True, help="path, or @name for an abstract socket")
    parser.add_argument("--sidecar", default="127.0.0.1", help="outbound address of the sidecar")
    parser.add_argument("--version", default="v1")
    return parser.parse_args()


def mesh_session(sidecar: str) -> ClientSession:
    """A client whose calls all leave through the sidecar. Make it inside a running loop."""
    return ClientSession(connector=TCPConnector(resolver=SidecarResolver(sidecar)), timeout=ClientTimeout(total=5))


def passed_on(request: web.Request) -> dict[str, str]:
    """The headers a well-behaved service forwards, so that a trace stays one trace."""
    return {name: request.headers[name] for name in TRACE_HEADERS if name in request.headers}


def run(app: web.Application, address: str) -> None:
    """Serves until SIGTERM."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind("\0" + address[1:] if address.startswith("@") else address)
    web.run_app(app, sock=listener, print=None, access_log=None)
