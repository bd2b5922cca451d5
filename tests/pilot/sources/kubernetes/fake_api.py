"""An API server in memory: collections that can be listed in pages and watched, refused, removed, broken.

Comes in: objects by path. Goes out: what a list and a watch answer, as bytes.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import parse_qs, unquote

from ca.errors import KubernetesError

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class FakeApi:
    """Every path below `/api` and `/apis` that was served once is a collection."""

    def __init__(self, *collections: str) -> None:
        self.objects: dict[str, dict[tuple[str, str], dict[str, Any]]] = {each: {} for each in collections}
        self.objects.setdefault(DEFINITIONS, {})
        self.version = 100
        self.oldest = 0
        """Watches from before are gone."""
        self.forbidden: set[str] = set()
        self.is_down = False
        self.asked: list[str] = []
        self._history: list[tuple[int, str, str, dict[str, Any]]] = []
        self._changed = asyncio.Event()
        self._epoch = 0

    # --- what tests do --------------------------------------------------------------------------------------------

    def put(self, collection: str, name: str, namespace: str = "", **content: Any) -> None:
        """Creates or changes an object; `collection` is that of the whole cluster."""
        key, metadata = (namespace, name), content.pop("metadata", {})
        known = key in self.objects.setdefault(collection, {})
        self.version += 1
        stored = {"metadata": {"name": name, "resourceVersion": str(self.version), **metadata}, **content}
        if namespace:
            stored["metadata"]["namespace"] = namespace
        self.objects[collection][key] = stored
        self._say("MODIFIED" if known else "ADDED", collection, stored)

    def delete(self, collection: str, name: str, namespace: str = "") -> None:
        """Removes an object."""
        self.version += 1
        gone = self.objects[collection].pop((namespace, name))
        self._say(
            "DELETED", collection, {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(self.version)}}
        )

    def bookmark(self, collection: str) -> None:
        """Tells watches how far they are."""
        self.version += 1
        self._say("BOOKMARK", collection, {"metadata": {"resourceVersion": str(self.version)}})

    def define(self, name: str, collection: str, **annotations: str) -> None:
        """A kind appears."""
        self.objects.setdefault(collection, {})
        self.put(DEFINITIONS, name, metadata={"annotations": {k.replace("_", "/"): v for k, v in annotations.items()}})

    def undefine(self, name: str, collection: str) -> None:
        """A kind disappears, with its objects."""
        self.objects.pop(collection)
        self.break_watches()
        self.delete(DEFINITIONS, name)

    def forget(self) -> None:
        """Only what comes from now on can be watched."""
        self.oldest = self.version + 1
        self.version += 1
        self.break_watches()

    def break_watches(self) -> None:
        """Every watch ends."""
        self._epoch += 1
        self._changed.set()
        self._changed = asyncio.Event()

    def lists(self, collection: str) -> int:
        """How often it was listed."""
        return sum(each.startswith(f"{collection}?limit") and "&continue=" not in each for each in self.asked)

    def _say(self, type_: str, collection: str, stored: dict[str, Any]) -> None:
        self._history.append((self.version, collection, type_, stored))
        self._changed.set()
        self._changed = asyncio.Event()

    # --- what is asked --------------------------------------------------------------------------------------------

    async def read(self, path: str, accept: str = "application/json") -> bytes:
        self.asked.append(path)
        await asyncio.sleep(0)
        where, _, query = path.partition("?")
        collection, namespace = self._check(where)
        asked = parse_qs(query)
        found = [
            each
            for (of, _), each in sorted(self.objects[collection].items())
            if namespace in ("", of) and _is_selected(each, asked)
        ]
        limit, start = int(asked["limit"][0]) or len(found), int(asked.get("continue", ["0"])[0])
        if start and self.oldest > 100:
            raise KubernetesError("the list is too old", 410)
        rest = start + limit < len(found)
        metadata = {"resourceVersion": str(self.version), **({"continue": str(start + limit)} if rest else {})}
        return json.dumps({"metadata": metadata, "items": found[start : start + limit]}).encode()

    async def stream(self, path: str, accept: str = "application/json") -> AsyncGenerator[list[bytes], None]:
        self.asked.append(path)
        where, _, query = path.partition("?")
        collection, namespace = self._check(where)
        asked, epoch = parse_qs(query), self._epoch
        seen = int(asked["resourceVersion"][0])
        yield []
        if seen < self.oldest:
            status = {"code": 410, "message": "too old"}
            yield [json.dumps({"type": "ERROR", "object": status}).encode()]
            return
        while epoch == self._epoch:
            changed = self._changed
            lines = []
            for version, of, type_, stored in self._history:
                inside = namespace in ("", stored["metadata"].get("namespace", "")) or type_ == "BOOKMARK"
                if version > seen and of == collection and inside and _is_selected(stored, asked):
                    lines.append(json.dumps({"type": type_, "object": stored}).encode())
            seen = max(seen, self.version)
            if lines:
                yield lines
            await changed.wait()
        if self.is_down:
            raise KubernetesError("connection lost")

    def _check(self, path: str) -> tuple[str, str]:
        """The collection and the namespace of a path."""
        if self.is_down:
            raise KubernetesError("connection refused")
        if path in self.forbidden:
            raise KubernetesError(f"{path} is forbidden", 403)
        before, found, after = path.partition("/namespaces/")
        namespace, slash, plural = after.partition("/")
        collection = f"{before}/{plural}" if found and slash else path
        if collection not in self.objects:
            raise KubernetesError(f"{path} not found", 404)
        return collection, namespace if found and slash else ""


def _is_selected(stored: dict[str, Any], asked: dict[str, list[str]]) -> bool:
    for each in asked.get("fieldSelector", ()):
        field, _, value = unquote(each).partition("=")
        if field == "metadata.name" and stored["metadata"].get("name") != value:
            return False
    for each in asked.get("labelSelector", ()):
        name, _, value = unquote(each).partition("=")
        if stored["metadata"].get("labels", {}).get(name) != value:
            return False
    return True
