"""One other cluster of the mesh: followed by a task of its own, and written to where we lead it.

In: how it is reached. Out: batches for the feed, its state. One that does not answer delays nobody: what was known of
it stays, until it is too old. A kubeconfig that is replaced takes effect when the new one has listed everything: until
then the cluster is followed as before. Source: Kubernetes controllers behaviour 7.1, 11.3.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ca.errors import KubernetesError
from pilot.gatewayapi.gateway import KubernetesGateway
from pilot.kube_client import KubeClient, connect_by
from pilot.model import mcs
from pilot.model.kubernetes import EndpointSlice, KubernetesService, Namespace, Node, Pod
from pilot.model.locality import NETWORK
from pilot.model.objects import Event
from pilot.model.secret import ConfigMap, Secret
from pilot.model.workload_entry import WorkloadEntry
from pilot.remote_kubeconfig import KubeconfigError, parse_kubeconfig
from pilot.secret_access import SecretAccess
from pilot.settings import Kubernetes, Settings
from pilot.sources.events import Batch
from pilot.sources.kubernetes.injector import suffixed
from pilot.sources.kubernetes.mesh_config import MESH_KEY
from pilot.sources.kubernetes.named import watch_object
from pilot.sources.kubernetes.resources import Wanted, select_resources
from pilot.sources.kubernetes.source import KubernetesSource, Scope
from pilot.sources.yaml_text import BrokenText, parse_yaml

_STRUCTS = (Namespace, KubernetesService, EndpointSlice, Pod, Node, WorkloadEntry, Secret, ConfigMap)
KINDS = frozenset(each.KIND for each in (*_STRUCTS, KubernetesGateway)) | mcs.KINDS
"""What is read of them: configuration is not."""
AGAIN = 10.0
"""Seconds after which a cluster whose following broke is followed again; arbitrary."""
SHORTEST_LOOK, LONGEST_LOOK = 0.1, 10.0
"""Seconds between two looks at how old is what we know; arbitrary."""
_log = logging.getLogger("multicluster")


class State(Enum):
    """As istiod says it."""

    SYNCING = "syncing"
    SYNCED = "synced"
    TIMEOUT = "timeout"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Access:
    """How a cluster is reached. Prints no kubeconfig."""

    secret: str
    """Namespace and name of the Secret."""
    digest: str
    kubeconfig: str = field(repr=False)


Lead = Callable[[str, KubeClient], Awaitable[None]]
"""What we write to a cluster, given its id; ends only by cancellation."""


@dataclass(frozen=True, slots=True)
class Takers:
    """Who is told what clusters say, each with the id of the cluster."""

    take: Callable[[str, Batch], Awaitable[None]]
    """Its objects."""
    register: Callable[[str, tuple[Event, ...]], None]
    """What we asked it."""
    trust: Callable[[str, str], None]
    """The trust domain of its workloads; empty: that of the mesh."""
    forget: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all clusters share."""

    settings: Settings
    takers: Takers
    timed_out: Callable[[str], None]
    """Is told of a cluster that nobody waits for any longer."""
    lead: "asyncio.Future[Lead]"
    """Known when there is something to write."""
    failed: Callable[[str], None] = lambda cluster: None
    """Is told of each list and watch of a cluster that failed."""

    @property
    def wanted(self) -> Kubernetes:
        """Settings of clusters."""
        return self.settings.kubernetes or Kubernetes()


def trust_domain_of(config_map: Mapping[str, Any] | None) -> str | None:
    """What the mesh configuration of a cluster says; empty where it says nothing, None where it cannot be read."""
    text = ((config_map or {}).get("data") or {}).get(MESH_KEY)
    try:
        value = parse_yaml(text).value if isinstance(text, str) else None
    except BrokenText:
        return None
    said = value.get("trustDomain") if isinstance(value, dict) else None
    return said if isinstance(said, str) else ""


class RemoteCluster:
    """One cluster. `begin`, and `stop` it."""

    def __init__(self, name: str, access: Access, around: Surroundings, former: "RemoteCluster | None" = None) -> None:
        """`former`: the same cluster by an older kubeconfig, which goes on until this one has said everything."""
        self.name, self.access, self._around, self._former = name, access, around, former
        self._state = State.SYNCING
        self._client: KubeClient | None = None
        self._task: asyncio.Task[None] | None = None
        self._access: SecretAccess | None = None
        self._synced = asyncio.Event()
        self.settled = asyncio.Event()
        """Nothing waits for it any more: everything is read, or it took too long, or it cannot be used."""

    @property
    def state(self) -> State:
        """What holds for proxies: that of the older kubeconfig, while that is what is followed."""
        return self._former.state if self._former is not None else self._state

    @property
    def client(self) -> KubeClient | None:
        """To ask the cluster about tokens; None where there is no way to."""
        return self._former.client if self._former is not None else self._client

    @property
    def secret_access(self) -> SecretAccess | None:
        """Who may list its Secrets; None where it was never read."""
        return self._former.secret_access if self._former is not None else self._access

    def standing(self) -> "RemoteCluster":
        """Who follows the cluster now: this one, or the one before it."""
        return self._former if self._former is not None else self

    def begin(self) -> None:
        """Starts to follow it."""
        self._task = asyncio.create_task(self._run())

    async def stop(self, *, but_former: bool = False) -> None:
        """Ends everything that it began, and the one before it unless that is to go on."""
        self._state = State.CLOSED
        self.settled.set()
        if self._former is not None and not but_former:
            await self._former.stop()
        self._former = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        """Follows it, whatever happens; ends only by cancellation, or where its kubeconfig is refused."""
        limit = self._around.wanted.remote_timeout.total_seconds()
        late = asyncio.get_running_loop().call_later(limit, self._too_late) if limit else None
        leading: asyncio.Task[None] | None = None
        try:
            kubeconfig = parse_kubeconfig(self.access.kubeconfig, self._around.wanted.insecure_kubeconfigs)
            self._client = await connect_by(kubeconfig)
            leading = asyncio.create_task(self._lead(self._client))
            while True:
                try:
                    await self._read(self._client)
                except Exception:
                    _log.exception(f"cluster {self.name}: following it failed; it is begun again")
                    await asyncio.sleep(AGAIN)
        except (KubeconfigError, KubernetesError) as error:
            kept = "; the one before it is used on" if self._former is not None else ""
            _log.error(f"cluster {self.name}: {self.access.secret}: {error}{kept}")
            self._state = State.CLOSED
        finally:
            if late is not None:
                late.cancel()
            self.settled.set()
            if leading is not None:
                leading.cancel()
                await asyncio.gather(leading, return_exceptions=True)
            if self._client is not None:
                await self._client.close()

    async def _lead(self, client: KubeClient) -> None:
        """Writes what there is to write, once the cluster is known."""
        await self._synced.wait()
        lead = await asyncio.shield(self._around.lead)
        while True:
            try:
                await lead(self.name, client)
            except Exception:
                _log.exception(f"cluster {self.name}: writing to it failed; it is begun again")
            await asyncio.sleep(AGAIN)

    async def _read(self, client: KubeClient) -> None:
        """Until nothing was heard of it for too long."""
        features, wanted = self._around.settings.features, self._around.wanted
        scope = Scope(features.system_namespace, features.revision, wanted.only, wanted.members)
        kinds = Wanted(kinds=KINDS, labels={KubernetesGateway.KIND: NETWORK})
        source = KubernetesSource(client, select_resources(features, kinds), scope)
        source.failed = lambda: self._around.failed(self.name)
        self._synced.clear()
        access = SecretAccess(client)
        following = asyncio.create_task(self._take_all(source))
        aging = asyncio.create_task(self._too_old(source))
        asking = asyncio.create_task(self._ask(access))
        trusting = asyncio.create_task(self._follow_trust_domain(client))
        try:
            await asyncio.wait((following, aging), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (following, aging, asking, trusting):
                task.cancel()
            await asyncio.gather(following, aging, asking, trusting, return_exceptions=True)
            self._access = None
        if following.done() and not following.cancelled():
            following.result()
        self._state = State.TIMEOUT
        _log.warning(f"cluster {self.name} did not answer for {wanted.remote_max_age}: it counts as empty")
        self._around.takers.forget(self.name)

    async def _ask(self, access: SecretAccess) -> None:
        """Keeps known who may list Secrets, once the cluster is known."""
        await self._synced.wait()
        self._access = access
        await access.serve(lambda events: self._around.takers.register(self.name, events))

    async def _follow_trust_domain(self, client: KubeClient) -> None:
        """The one that its own mesh configuration names, once the cluster is known."""
        await self._synced.wait()
        features = self._around.settings.features
        maps = f"/api/v1/namespaces/{features.system_namespace}/configmaps"
        while True:
            try:
                async with aclosing(watch_object(client, maps, suffixed("istio", features.revision))) as versions:
                    async for found in versions:
                        domain = trust_domain_of(found)
                        if domain is None:
                            _log.warning(
                                f"cluster {self.name}: its mesh configuration is no YAML; what was known stays"
                            )
                        else:
                            self._around.takers.trust(self.name, domain)
            except KubernetesError as error:
                _log.debug(f"cluster {self.name}: its mesh configuration is not read: {error}")
            await asyncio.sleep(AGAIN)

    async def _take_all(self, source: KubernetesSource) -> None:
        async with aclosing(source.watch()) as batches:
            async for batch in batches:
                if self._former is not None:
                    former, self._former = self._former, None
                    await former.stop()
                await self._around.takers.take(self.name, batch)
                if not self._synced.is_set():
                    self._state = State.SYNCED
                    self._synced.set()
                    self.settled.set()
                    _log.info(f"cluster {self.name}: everything is read, {len(batch.events)} objects")

    async def _too_old(self, source: KubernetesSource) -> None:
        """Ends when the cluster was cut off for the longest time that its endpoints are believed."""
        most = self._around.wanted.remote_max_age.total_seconds()
        if not most:
            await asyncio.Event().wait()
        clock = asyncio.get_running_loop().time
        since: float | None = None
        while since is None or clock() - since < most:
            await asyncio.sleep(min(max(most / 10, SHORTEST_LOOK), LONGEST_LOOK))
            if not source.is_cut_off:
                since = None
            elif since is None:
                since = clock()

    def _too_late(self) -> None:
        if self._state is State.SYNCING:
            self._state = State.TIMEOUT
            self._around.timed_out(self.name)
            _log.warning(f"cluster {self.name} does not answer: nothing waits for it")
        self.settled.set()
