"""What the Kubernetes source asks of an API server: bytes of lists and of watches, through a port.

In: paths. Out: bytes, or a `KubernetesError` with HTTP's status (0: no answer). Who connects, with which credentials,
is not known here.
"""

from collections.abc import AsyncGenerator
from typing import Protocol


class ListApi(Protocol):
    """One cluster's API server."""

    async def read(self, path: str, accept: str = "application/json") -> bytes:
        """What a GET answers. Raises: KubernetesError."""
        ...

    def stream(self, path: str, accept: str = "application/json") -> AsyncGenerator[list[bytes], None]:
        """Lines of a watch as they come, until the server ends it; none at first, when it has accepted the watch.

        Raises: KubernetesError.
        """
        ...
