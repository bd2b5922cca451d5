"""What is known of each TLS connection, found again by the calls that arrive over it.

The secure port writes an entry when a handshake is over and removes it when the connection is; a call finds it by the
peer name that gRPC reports. Names cannot be chosen by clients: they are files in a directory that only we can enter.

Comes in: peer names and facts. Does no I/O.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Connection:
    """A TLS connection whose handshake succeeded."""

    address: str
    """The client's, as `host:port`."""
    certificate_names: tuple[str, ...]
    """Of its verified certificate; empty where it showed none."""


_GONE = Connection("gone", ())


class Connections:
    """Open TLS connections by gRPC's name for the peer, e.g. `unix:/run/x/17`."""

    def __init__(self) -> None:
        self._open: dict[str, Connection] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, peer: str, connection: Connection) -> None:
        """The handshake is over."""
        self._open[peer] = connection

    def remove(self, peer: str) -> None:
        """The connection is over; removing twice is the same as once."""
        self._open.pop(peer, None)

    def find(self, peer: str) -> Connection | None:
        """The TLS connection of a peer; None for peers that did not come through the secure port.

        A connection that closed while its call was waiting still is one that came over TLS, with nothing proven: it
        must not be mistaken for a plaintext one, of which less is asked.
        """
        if not peer.startswith("unix:"):
            return None
        return self._open.get(peer, _GONE)
