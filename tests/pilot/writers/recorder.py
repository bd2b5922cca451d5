"""An API server in memory that also takes writes, and remembers them.

Comes in: requests. Out: collections that `Reflector` can list and watch, and `calls`.
"""

import asyncio
from typing import Any

from ca.errors import KubernetesError
from tests.pilot.sources.kubernetes.fake_api import FakeApi


class Recorder(FakeApi):
    """`failing`: how many writes are refused with which status before one is taken, and `words`: why."""

    def __init__(self, *collections: str) -> None:
        super().__init__(*collections)
        self.calls: list[tuple[str, str, Any]] = []
        self.failing = (0, 500)
        self.words = "refused by the test"

    async def call(self, method: str, path: str, body: Any = None, content_type: str = "") -> Any:
        """One request. Raises: KubernetesError."""
        await asyncio.sleep(0)
        if method == "GET":
            collection, _, name = path.partition("?")[0].rpartition("/")
            found = self._find(collection, name)
            if found is None:
                raise KubernetesError(f"{path} not found", 404)
            return found
        count, status = self.failing
        if count:
            self.failing = (count - 1, status)
            raise KubernetesError(f"{path}: {self.words}", status)
        self.calls.append((method, path, body))
        return body

    def _find(self, collection: str, name: str) -> Any:
        before, _, rest = collection.partition("/namespaces/")
        namespace, _, plural = rest.partition("/")
        where = f"{before}/{plural}" if rest else collection
        return self.objects.get(where, {}).get((namespace, name))
