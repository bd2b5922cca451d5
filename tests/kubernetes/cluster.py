"""A whole cluster for scenarios: objects of manifests on a real API server, as if controllers and kubelets had been
there.

Comes in: an API server of its own (with its store as JSON), YAML. Goes out: the objects in it, statuses included, with
the creation times that the manifests say; and afterwards an empty cluster again. Creation times and removal are written
into the store behind the API server's back, which notices as it would notice another API server.
"""

import asyncio
import base64
import contextlib
import json
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ca.errors import KubernetesError
from pilot.kube_client import KubeClient, RequestBudget, connect
from tests.kubernetes.api_server import ApiServer, running_api_server
from tests.pilot.agent.eventually import eventually
from tests.shared import shared_path

FLAGS = {
    "storage-media-type": "application/json",
    "endpoint-reconciler-type": "none",  # the service `kubernetes` has the endpoints that a test gives it: none
    "service-cluster-ip-range": "10.0.0.0/16,fd00:10::/108",
    "disable-admission-plugins": "TaintNodesByCondition,ServiceAccount",
}
KUBERNETES = "/api/v1/namespaces/default/services/kubernetes"
LONG_AGO = "2024-01-01T00:00:00Z"
AT_A_TIME = 8
_KEPT = ("/registry/leases/kube-system/", "/registry/masterleases/", "/registry/events/", "/registry/ranges/")
_TRANSACTION = 100


class TestCluster:
    """One API server, all of it."""

    __test__ = False

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self._client: KubeClient | None = None
        self._resources: dict[tuple[str, str], tuple[str, bool, bool]] = {}
        self._empty: dict[str, str] = {}

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request as administrator. Raises: KubernetesError."""
        if self._client is None:
            self._client = await connect(self.server.kubeconfig, budget=RequestBudget(100_000))
        return await self._client.call(method, path, body)

    async def close(self) -> None:
        """Closes connections, before the event loop ends."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def install_definitions(self) -> None:
        """The CRDs of Istio and of the Gateway API."""
        for name in ("istio-1.29.1.yaml", "gateway-api-1.4.0-experimental.yaml"):
            documents = yaml.load_all(shared_path("data", "crds", name).read_text(), yaml.CSafeLoader)
            found = [each for each in documents if each and each["kind"] == "CustomResourceDefinition"]
            await self._all({k: v for k, v in each.items() if k != "status"} for each in found)
        await eventually(self._are_established, within=30)
        self._resources.clear()
        await self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}})
        await asyncio.to_thread(self.note_what_is_there)

    def note_what_is_there(self) -> None:
        """From now on, what is there is what an empty cluster has."""
        self._empty = self._keys()

    def put_into_store(self, objects: Mapping[str, dict[str, Any]]) -> None:
        """Objects by key, as another API server would write them: at once."""
        changes = []
        for number, (key, content) in enumerate(objects.items()):
            uid = f"00000000-0000-4000-8000-{number:012d}"
            metadata = {**content["metadata"], "uid": uid, "creationTimestamp": LONG_AGO}
            text = json.dumps({**content, "metadata": metadata})
            changes.append({"requestPut": {"key": _encode(key), "value": _encode(text)}})
        self._change(changes)

    async def _are_established(self) -> bool:
        listed = await self.call("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
        conditions = ((each.get("status") or {}).get("conditions") or [] for each in listed["items"])
        return all(any(c["type"] == "Established" and c["status"] == "True" for c in each) for each in conditions)

    async def load(self, text: str) -> None:
        """Every object of a YAML text: namespaces first, then everything else, then statuses and times."""
        documents = [each for each in yaml.load_all(text, yaml.CSafeLoader) if each]
        documents = json.loads(json.dumps(documents, default=_time))
        named = {each["metadata"].get("namespace") for each in documents} - {None}
        declared = [each for each in documents if each["kind"] == "Namespace"]
        bare = named - {each["metadata"]["name"] for each in declared}
        declared += [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in sorted(bare)]
        await self._all(iter(declared))
        await self._all(each for each in documents if each["kind"] != "Namespace")
        await asyncio.to_thread(self._write_times, documents)

    async def create(self, document: dict[str, Any]) -> None:
        """One object with its status; one that is there is changed."""
        plural, namespaced, has_status = await self._resource(document["apiVersion"], document["kind"])
        metadata = document["metadata"]
        if namespaced:
            metadata.setdefault("namespace", "default")
        collection = _group_path(document["apiVersion"])
        collection += f"/namespaces/{metadata['namespace']}/{plural}" if namespaced else f"/{plural}"
        one = f"{collection}/{metadata['name']}"
        sent = {key: value for key, value in document.items() if key != "status"}
        try:
            if one == KUBERNETES:  # every API server makes it
                raise KubernetesError("it is there", 409)
            await self._patiently("POST", collection, sent)
        except KubernetesError as error:
            if error.status != 409:
                raise
            await self.call("PATCH", one, sent)
        if has_status and document.get("status"):
            await self.call("PATCH", f"{one}/status", {"status": document["status"]})

    async def _patiently(self, method: str, path: str, body: Any) -> Any:
        """Addresses of Services that were there before are free again after a moment."""
        for attempt in range(50):
            try:
                return await self.call(method, path, body)
            except KubernetesError as error:
                if error.status not in (403, 422, 404) or attempt == 49:
                    raise
            await asyncio.sleep(0.1)
        return None

    async def call_when_served(self, method: str, path: str, body: Any) -> Any:
        """A request for a kind whose definition has just come."""
        return await self._patiently(method, path, body)

    async def _all(self, documents: Iterator[dict[str, Any]]) -> None:
        turns = asyncio.Semaphore(AT_A_TIME)

        async def one(document: dict[str, Any]) -> None:
            async with turns:
                await self.create(document)

        async with asyncio.TaskGroup() as group:
            for each in documents:
                group.create_task(one(each))

    async def _resource(self, api_version: str, kind: str) -> tuple[str, bool, bool]:
        """Plural, whether it has namespaces, whether its status is written apart."""
        if (api_version, kind) not in self._resources:
            listed = (await self.call("GET", _group_path(api_version)))["resources"]
            names = {each["name"] for each in listed}
            for each in listed:
                if "/" not in each["name"]:
                    found = (each["name"], each["namespaced"], f"{each['name']}/status" in names)
                    self._resources[api_version, each["kind"]] = found
        return self._resources[api_version, kind]

    # --- behind the API server's back -----------------------------------------------------------------------------

    async def wipe(self) -> None:
        """Removes everything that came after the definitions."""
        await asyncio.to_thread(self._wipe)

    def _wipe(self) -> None:
        now = self._keys()
        gone = [key for key in now if key not in self._empty and not key.startswith(_KEPT)]
        restored = {key: value for key, value in self._empty.items() if now.get(key) != value}
        restored = {key: value for key, value in restored.items() if not key.startswith(_KEPT[:3])}
        changes = [{"requestDeleteRange": {"key": _encode(key)}} for key in gone]
        changes += [{"requestPut": {"key": _encode(key), "value": value}} for key, value in restored.items()]
        self._change(changes)

    def _write_times(self, documents: list[dict[str, Any]]) -> None:
        said = {
            (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]): each["metadata"].get(
                "creationTimestamp"
            )
            for each in documents
        }
        changes = []
        for key, value in self._keys().items():
            if key in self._empty or key.startswith(_KEPT):
                continue
            stored = json.loads(base64.b64decode(value))
            metadata = stored.get("metadata", {})
            name = (stored.get("kind"), metadata.get("namespace", ""), metadata.get("name"))
            if "creationTimestamp" in metadata:
                metadata["creationTimestamp"] = said.get(name) or LONG_AGO
                changes.append({"requestPut": {"key": _encode(key), "value": _encode(json.dumps(stored) + "\n")}})
        self._change(changes)

    def _keys(self) -> dict[str, str]:
        """Everything in the store: values in base64."""
        found = self._ask("range", {"key": _encode("/registry/"), "range_end": _encode("/registry0")})
        return {base64.b64decode(each["key"]).decode(): each.get("value", "") for each in found.get("kvs", ())}

    def _change(self, changes: list[dict[str, Any]]) -> None:
        for start in range(0, len(changes), _TRANSACTION):
            self._ask("txn", {"success": changes[start : start + _TRANSACTION]})

    def _ask(self, what: str, body: Mapping[str, Any]) -> Any:
        asked = urllib.request.Request(f"{self.server.store}/v3/kv/{what}", json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return json.loads(answer.read())


@contextlib.contextmanager
def running_cluster(flags: Mapping[str, str] = {}) -> Iterator[TestCluster]:
    """An API server for whole scenarios, without definitions yet. `flags`: beside or instead of the usual ones."""
    with running_api_server({**FLAGS, **flags}) as server:
        yield TestCluster(server)


def reading(kubeconfig: Path, work: Path) -> tuple[str, ...]:
    """Arguments of a control plane that reads a cluster, and nothing of the mesh from files."""
    nothing = str(work / "none")
    return ("--kubeconfig", str(kubeconfig), "--meshConfig", nothing, "--networksConfig", nothing)


def _group_path(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _time(value: Any) -> str:
    """What YAML takes for a time."""
    return str(value.strftime("%Y-%m-%dT%H:%M:%SZ"))
