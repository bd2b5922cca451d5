"""What the certificate authority asks of a Kubernetes API server: plain JSON calls through a port.

Comes in: method, path, body. Goes out: the decoded answer, or a `KubernetesError` with HTTP's status. Who connects,
with which credentials, is not known here.
"""

from typing import Any, Protocol


class KubernetesApi(Protocol):
    """One cluster's API server."""

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request; the decoded object. Raises: KubernetesError."""
        ...
