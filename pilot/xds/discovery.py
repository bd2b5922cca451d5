"""The port of the xDS server: what it needs to know of the mesh, and how it looks from outside.

In: nothing. Out: protocols that the composition root implements, and frozen rows for debug pages. The server knows
neither services nor proxies: what `connect` returns is handed back as it is.
"""

from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pilot.resources import ResourceSet
from pilot.type_urls import TypeUrl


class Discovery(Protocol):
    """Everything that proxies are to have, now."""

    def connect(self, node: Any, identities: tuple[str, ...] | None, /) -> Any:
        """Who the node of a new stream is; `node` is an `envoy.config.core.v3.Node` and must not be kept.

        `identities`: whom its credentials prove it to be; None on a port that asks for none.
        Raises: BadNode, PermissionDenied (the node is somebody else), NotReady.
        """
        ...

    def resources_for(self, proxy: Any, type_url: TypeUrl, names: frozenset[str] | None, /) -> ResourceSet | None:
        """Exactly what the proxy is to have of a type: the `names` that exist, or (None) everything there is for it.

        Equal answers should be the same object: that makes pushing cheap. None: this proxy is not served the type, it
        gets no answer at all.
        """
        ...

    def steps(self, proxy: Any, type_url: TypeUrl, names: frozenset[str] | None, /) -> Iterator[None] | None:
        """The work behind `resources_for` in small pieces, between which others may run; None: there is none left."""
        ...


class Attendance(Protocol):
    """Who comes, how they are, who goes."""

    def arrived(self, proxy: Any, /) -> None:
        """A stream begins. Raises: PilotError; then it ends, and nobody has left."""

    def left(self, proxy: Any, /) -> None:
        """A stream that had arrived ended."""

    def reported(self, proxy: Any, healthy: bool, message: str, /) -> None:
        """The workload behind a stream says how it is."""


class Queries(Protocol):
    """Debug questions over xDS (operations 3.3)."""

    def __call__(
        self, identities: tuple[str, ...] | None, type_url: TypeUrl, names: frozenset[str], /
    ) -> Awaitable[ResourceSet]:
        """`identities`: None on a port that asks for none. Raises: Unauthenticated, PermissionDenied, BadRequest."""
        ...


class Authenticate(Protocol):
    """Whom a caller proves to be: by client certificate, bearer token or (None) not at all on a plaintext port."""

    def __call__(self, context: Any, /) -> Awaitable[tuple[str, ...] | None]:
        """`context` is a `grpc.aio.ServicerContext`. Raises: Unauthenticated."""
        ...


async def nobody(context: Any) -> None:
    """A plaintext port authenticates nobody and lets everybody in. Source: xDS behaviour 1.2, step 4."""


@dataclass(frozen=True, slots=True)
class WatchRow:
    """One type on one stream."""

    type_url: TypeUrl
    names: frozenset[str]
    wildcard: bool
    sent_version: str
    """Version of the set that was sent last; empty: none was."""
    sent_nonce: str
    sent_at: datetime | None
    acked_version: str
    acked_nonce: str
    error: str
    """Why the last response was refused; empty: it was not."""

    @property
    def is_synced(self) -> bool:
        """The last response was accepted."""
        return bool(self.sent_nonce) and self.sent_nonce == self.acked_nonce and not self.error


@dataclass(frozen=True, slots=True)
class Connection:
    """One stream."""

    id: str
    """`<proxy id>-<n>`."""
    node_id: str
    peer: str
    """`address:port`."""
    protocol: str
    """`delta` or `sotw`."""
    connected_at: datetime
    proxy: Any
    """What `Discovery.connect` returned."""
    watches: tuple[WatchRow, ...]
    """In push order."""
