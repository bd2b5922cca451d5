"""Nodes are opened for pods once their CNI agent is ready: a taint is taken off.

In: agents of istio-cni, nodes. Out: patches of nodes that still have the taint, and nothing else of them. Who taints
a node again while its agent is ready has it taken off again. Source: Kubernetes controllers behaviour 6.6.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Raw, Struct, field

from ca.errors import KubernetesError
from pilot.kube_client import KubeClient
from pilot.sources.kubernetes.named import Names
from pilot.sources.kubernetes.reflector import Reflector
from pilot.writers.following import changes
from pilot.writers.retry import NOT_FOUND, Retries

LOCK = "istio-node-untaint"
TAINT = "cni.istio.io/not-ready"
AGENT = "k8s-app=istio-cni-node"
NODES = "/api/v1/nodes"
LOOK_AGAIN = 30.0
"""Seconds after which what we may not read is tried again; arbitrary."""
_log = logging.getLogger("untaint")


class _Metadata(Struct):
    name: str
    deletion_timestamp: str = field(default="", name="deletionTimestamp")


class _Taint(Struct):
    key: str = ""


class _Condition(Struct):
    type: str = ""
    status: str = ""


class _Spec(Struct):
    node_name: str = field(default="", name="nodeName")
    taints: tuple[_Taint, ...] = ()


class _Status(Struct):
    conditions: tuple[_Condition, ...] = ()


class _Item(Struct):
    """Of a Pod or of a Node, what is read."""

    metadata: _Metadata
    spec: _Spec = field(default_factory=_Spec)
    status: _Status = field(default_factory=_Status)


class NodeTaints:
    """Takes them off. `serve` while we lead."""

    def __init__(self, client: KubeClient, namespace: str) -> None:
        """`namespace`: of the agents."""
        self._client, self._namespace = client, namespace
        self._is_due = False
        self._agents: Names[str] = Names(_read_agent, self._note)
        self._nodes: Names[bool] = Names(_read_node, self._note)

    async def serve(self) -> None:
        """Ends only by cancellation."""
        retries = Retries[str](self._write, _log)
        query = f"labelSelector={quote(AGENT)}"
        async with asyncio.TaskGroup() as group:
            agents = Reflector(self._client, f"/api/v1/namespaces/{self._namespace}/pods", self._agents, query=query)
            group.create_task(_tolerant(agents))
            group.create_task(_tolerant(Reflector(self._client, NODES, self._nodes)))
            async for _ in changes(due=lambda: self._is_due or retries.is_due):
                self._is_due = False
                open_ = {node for node in self._agents.known.values() if node}
                await retries.run(sorted(node for node in open_ if self._nodes.known.get(node)))

    def _note(self, _: str) -> None:
        self._is_due = True

    async def _write(self, node: str) -> None:
        """Raises: KubernetesError."""
        try:
            found = await self._client.call("GET", f"{NODES}/{node}")
        except KubernetesError as error:
            if error.status != NOT_FOUND:
                raise
            return
        taints: Sequence[Any] = found["spec"].get("taints") or ()
        kept = [each for each in taints if each["key"] != TAINT]
        if len(kept) == len(taints):
            return
        body = {"metadata": {"resourceVersion": found["metadata"]["resourceVersion"]}, "spec": {"taints": kept or None}}
        await self._client.call("PATCH", f"{NODES}/{node}", body)
        _log.info(f"Node {node}: its CNI agent is ready, taint {TAINT} is taken off")


def _read_agent(item: Raw) -> tuple[str, str]:
    """The node of an agent that is ready; else empty."""
    found = msgspec.json.decode(item, type=_Item)
    is_ready = any(each.type == "Ready" and each.status == "True" for each in found.status.conditions)
    return found.metadata.name, found.spec.node_name if is_ready and not found.metadata.deletion_timestamp else ""


def _read_node(item: Raw) -> tuple[str, bool]:
    """Whether a node has the taint."""
    found = msgspec.json.decode(item, type=_Item)
    return found.metadata.name, any(each.key == TAINT for each in found.spec.taints)


async def _tolerant(reflector: Reflector) -> None:
    """Follows what we may not read yet, too."""
    while True:
        try:
            await reflector.serve()
        except KubernetesError as error:
            _log.warning(f"taints of nodes stay: {error}")
        await asyncio.sleep(LOOK_AGAIN)
