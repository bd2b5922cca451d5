"""Seeing inside: debug pages on both HTTP ports and over xDS, the dashboard, figures of the process, ControlZ.

In: settings, the mesh, the xDS server, what is wrong. Out: aiohttp applications; the app opens their ports. Puts parts
of `pilot/debug` together, knows nothing of its own. Source: operations 1 to 4.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from aiohttp import web
from prometheus_client import CollectorRegistry

from ca.authn.caller import Call
from ca.authn.grpc_call import GrpcAuthentication
from pilot.debug import controlz, envoy_filters, quarantine, questions
from pilot.debug.access import Access
from pilot.debug.call_metrics import CallMetrics
from pilot.debug.dashboard.front import Dashboard
from pilot.debug.dashboard.gathering import Certificates, Sources
from pilot.debug.dashboard.history import History
from pilot.debug.dashboard.rows import WorkloadCertificate
from pilot.debug.front import DebugFront
from pilot.debug.mesh_metrics import MeshMetrics
from pilot.debug.pages import ClusterState, Surroundings, assemble
from pilot.debug.proxies import Streams
from pilot.debug.proxy_metrics import ProxyMetrics
from pilot.debug.web import add_monitoring, http_application, monitoring_application
from pilot.mesh import Mesh
from pilot.model.problem import Problem
from pilot.registrations.registrar import Registrar
from pilot.settings import Settings
from pilot.xds.pushes import Change
from pilot.xds.server import AdsServer


class Insight:
    """What is to be seen of one control plane."""

    def __init__(
        self,
        settings: Settings,
        mesh: Mesh,
        ads: AdsServer,
        registry: CollectorRegistry,
        problems: Callable[[], Iterable[Problem]],
        templates: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._settings, self._mesh, self._registry = settings, mesh, registry
        self.remote_clusters: Callable[[], Iterable[ClusterState]] = tuple
        """Clusters beside our own; may be set when there are some."""
        access = Access(settings.operating.debug, lambda: mesh.snapshot.mesh.root_namespace)

        def push() -> int:
            ads.publish(Change(reasons=("debug",)))
            return len(ads.connections())

        around = Surroundings(problems, self._clusters if settings.kubernetes is not None else None, templates)
        self.pages = assemble(mesh, Streams(ads.connections, ads.disconnect, push), access, around)
        self.pages.console.add(
            questions.diff_entry(mesh, ads.connections),
            questions.explain_entry(mesh, ads.connections),
            questions.live_entry(mesh, ads.connections),
            questions.why_entry(ads.history),
        )
        if ads.custody is not None:
            held = ads.custody.quarantine
            self.pages.console.add(quarantine.entry(held), envoy_filters.entry(mesh, ads.connections, held.entries))
        self._front = DebugFront(self.pages.console, access)
        self.history = History(ads.metrics.collect)
        """Has to be served."""
        sources = Sources(lambda: mesh.snapshot, ads.connections, problems, self.history.samples)
        self.dashboard = Dashboard(sources, self.pages.dumps.held, self._front.refusal)
        self.dashboard.explain, self.dashboard.why = questions.explaining(mesh), ads.history.rows
        ads.answer_queries(self.pages.queries, _identifier(settings))
        self.calls = CallMetrics(registry)
        """Has to see the calls of gRPC servers."""

        def registrations() -> Mapping[str, int]:
            return ads.attendance.counts if isinstance(ads.attendance, Registrar) else {}

        MeshMetrics(registry, mesh, self.clusters, registrations)
        tells_patches = settings.operating.debug.tells_patches
        ProxyMetrics(registry, mesh, ads.clients, ads.connections, tells_patches=tells_patches)

    def trust(self, calls: GrpcAuthentication) -> None:
        """From now on callers of debug pages can prove who they are."""

        async def authenticate(call: Call) -> tuple[str, ...]:
            return (await calls.identify_call(call)).identities

        self._front.authenticate = authenticate

    def show(
        self, certificates: Callable[[], Certificates], workloads: Callable[[], Iterable[WorkloadCertificate]]
    ) -> None:
        """From now on the dashboard has certificates."""
        shown = replace(self.dashboard.sources, certificates=certificates, workloads=workloads)
        self.dashboard.sources = shown

    def http(self, missing: Callable[[], Iterable[str]]) -> web.Application:
        """For `--httpAddr`; with metrics where these have no port of their own."""
        made = http_application(missing)
        self._front.add_to(made)
        if not self._settings.addresses.monitoring:
            add_monitoring(made, self._registry, local_only=self._settings.operating.debug.local_metrics)
            self._add_dashboard(made)
        return made

    def monitoring(self) -> web.Application:
        """For `--monitoringAddr`."""
        made = monitoring_application(self._registry, local_only=self._settings.operating.debug.local_metrics)
        self._front.add_to(made)
        self._add_dashboard(made)
        return made

    def _add_dashboard(self, application: web.Application) -> None:
        if self._settings.operating.debug.enabled:
            self.dashboard.add_to(application)

    def controlz(self, stop: Callable[[], None]) -> tuple[str, web.Application] | None:
        """Where ControlZ is to be, and what is there; None: nowhere."""
        wanted = self._settings.operating
        if not wanted.controlz_port:
            return None
        host = {"*": "", "localhost": "127.0.0.1"}.get(wanted.controlz_address, wanted.controlz_address)
        place = f"[{host}]" if ":" in host else host
        return f"{place}:{wanted.controlz_port}", controlz.application(stop)

    def clusters(self) -> list[ClusterState]:
        """All that are read, our own first."""
        return list(self._clusters())

    def _clusters(self) -> Iterable[ClusterState]:
        if self._settings.kubernetes is not None:
            yield ClusterState(self._settings.features.cluster_id, "", "synced" if self._mesh.is_listed else "syncing")
        yield from self.remote_clusters()


def _identifier(settings: Settings) -> str:
    """Who answers, as istioctl reads it for its column ISTIOD."""
    return json.dumps({"Component": "istiod", "ID": settings.operating.pod_name, "Info": controlz.version()})
