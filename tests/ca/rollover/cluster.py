"""An API server in memory that knows single objects, versions and labels, for tests."""

import copy
from typing import Any

from ca.errors import KubernetesError


class Cluster:
    """`objects`: by path. `is_down`: every call fails."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        self.is_down = False
        self._version = 0

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        if self.is_down:
            raise KubernetesError(f"{method} {path}: nobody answers")
        where, _, query = path.partition("?")
        if query:
            items = [each for name, each in sorted(self.objects.items()) if name.startswith(f"{where}/")]
            return {"items": copy.deepcopy(items)}
        if method == "POST":
            where = f"{where}/{body['metadata']['name']}"
            if where in self.objects:
                raise KubernetesError(f"{where}: exists", 409)
            return self._put(where, body)
        if where not in self.objects:
            raise KubernetesError(f"{where}: not found", 404)
        match method:
            case "GET":
                return copy.deepcopy(self.objects[where])
            case "PUT":
                wanted = body["metadata"].get("resourceVersion")
                if wanted not in (None, self.objects[where]["metadata"]["resourceVersion"]):
                    raise KubernetesError(f"{where}: conflict", 409)
                return self._put(where, body)
            case _:
                return self.objects.pop(where)

    def _put(self, where: str, body: Any) -> Any:
        self._version += 1
        made = copy.deepcopy(body)
        made["metadata"]["resourceVersion"] = str(self._version)
        self.objects[where] = made
        return copy.deepcopy(made)
