"""The composition root: everything that runs, who starts it, in which order it ends.

In: settings. Out: a control plane that serves until SIGTERM or SIGINT. Tasks: `Feed.serve_files` and
`Feed.serve_mesh_files` (or `serve_cluster`, `serve_cluster_settings`) turn what is declared into snapshots,
`Feed.serve_problems` logs what is wrong in them, `Feed.serve_keys` has issuers' keys fetched,
`Feed.serve_names` names of gateways looked up, `AdsServer.serve_pushes`
gives streams their turns, `SecurePort.serve_connections` takes TLS connections; every server ends with the exit stack,
in reverse order.
Source: operations 9 (start, readiness, shutdown).
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import grpc
import uvloop
from aiohttp import web
from prometheus_client import CollectorRegistry

from ca.authn.kubernetes_token import Cluster
from ca.errors import CaError
from ca.state_directory import StateDirectory
from pilot import config_cluster, inventory, memory, state_place, trust, trust_bundle
from pilot.authentication import translated
from pilot.callers import Remotes
from pilot.config_cluster import ConfigCluster
from pilot.debug.call_metrics import CallMetrics
from pilot.debug.feed_metrics import FeedMetrics
from pilot.debug.pages import ClusterState
from pilot.debug.remote_metrics import RemoteMetrics
from pilot.feed import Feed
from pilot.insight import Insight
from pilot.kube_client import connect
from pilot.mesh import Mesh, class_of
from pilot.model.snapshot import Snapshot
from pilot.node_pods import SnapshotPods
from pilot.registrations import kept
from pilot.registrations.registrar import Registrar
from pilot.remote_cluster import Takers
from pilot.remote_clusters import RemoteClusters
from pilot.secret_access import SecretAccess
from pilot.settings import Kubernetes, Settings
from pilot.sources.key_fetch import KeyFetcher
from pilot.sources.key_metrics import KeyMetrics
from pilot.sources.keys import KeyKeeper
from pilot.sources.mesh_file import MeshFileError, MeshFiles, read_mesh_files
from pilot.status import refusals
from pilot.type_urls import PROXY_CONFIG
from pilot.webhooks import WebhookSide, serve_tls
from pilot.writers.roots import Roots
from pilot.writers.tasks import writers
from pilot.writers.workload_entries import WorkloadEntries
from pilot.xds.admission import Admission
from pilot.xds.custody import Custody
from pilot.xds.lag import serve_lag_reports
from pilot.xds.metrics import XdsMetrics
from pilot.xds.pushes import Change, Debounce
from pilot.xds.server import AdsServer, prepare_transport, server_options

_log = logging.getLogger("default")
T = TypeVar("T")
OLDEST_STREAM = 1.5
"""Ages that a connection may reach, after which a workload is gone. Source: Kubernetes controllers behaviour 8."""


class StartError(Exception):
    """The control plane cannot start, for a reason its operator can do something about."""


def run(settings: Settings) -> None:
    """Serves until a signal ends it. Raises: StartError."""
    memory.prepare()
    prepare_transport()
    uvloop.run(serve(settings))


async def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT. Raises: StartError."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    try:
        with state_place.usable(settings.state_dir, settings.kubernetes is not None) as directory:
            await serve_until(_with_state_in(settings, directory), stopping)
    except (CaError, MeshFileError, OSError) as error:
        raise StartError(str(error)) from error


def _with_state_in(settings: Settings, directory: Path) -> Settings:
    """Where it is another directory than was wanted, it goes with us: nothing needs to be remembered there."""
    if directory == settings.state_dir or settings.kubernetes is None:
        return settings
    return replace(settings, state_dir=directory, kubernetes=replace(settings.kubernetes, remembers=False))


async def serve_until(settings: Settings, stopping: asyncio.Event) -> None:
    """Serves until `stopping`. Raises: StartError, CaError, MeshFileError, OSError."""
    _check(settings)
    registry, addresses, tuning = CollectorRegistry(), settings.addresses, settings.tuning
    mesh = Mesh(Snapshot.empty(features=settings.features), check_identity=settings.check_identity)
    metrics, custody = XdsMetrics(registry), Custody(class_of, registry)
    admission = Admission(tuning.streams_per_second) if tuning.streams_per_second else Admission()
    ads = AdsServer(mesh, metrics, admission=admission, custody=custody)
    debounce = Debounce(ads.publish, asyncio.get_running_loop(), tuning.debounce_after, tuning.debounce_max)
    keys = _key_keeper(settings)
    KeyMetrics(registry, keys)
    feed = Feed(settings, mesh, debounce, keys, FeedMetrics(registry))
    feed.refused = lambda: refusals.problems(custody.quarantine.entries())
    async with contextlib.AsyncExitStack() as undo:
        undo.callback(debounce.close)
        side = undo.enter_context(contextlib.closing(WebhookSide(settings, mesh, registry, feed.missing)))
        insight = Insight(settings, mesh, ads, registry, feed.problems, side.templates)
        await _serve_pages(undo, settings, feed, side, insight, stopping)
        cluster = await _cluster(settings, undo, feed, insight, RemoteMetrics(registry))
        files = await _while_not(stopping, _mesh_settings(settings, cluster))
        if files is None:
            return
        mesh.snapshot = Snapshot.empty(files.mesh, settings.features, files.networks)
        mesh.snapshot, _ = mesh.snapshot.apply(await asyncio.to_thread(keys.remembered))
        client, issuers = cluster.client if cluster is not None else None, _issuers(cluster, mesh)
        trusting = trust.establish(settings, lambda: mesh.snapshot.mesh, registry, SnapshotPods(mesh), client, issuers)
        secured = await _while_not(stopping, undo.enter_async_context(trusting))
        if secured is None:
            return
        tasks = [asyncio.create_task(each) for each in _sources(settings, feed, cluster, mesh)]
        undo.push_async_callback(_cancel, tasks)
        beside = (feed.serve_problems(), feed.serve_keys(), feed.serve_names())
        tasks += [asyncio.create_task(each) for each in beside]
        await _while_not(stopping, _everything(feed, tasks, cluster))
        if stopping.is_set():
            return
        tasks += [asyncio.create_task(ads.serve_pushes()), asyncio.create_task(serve_lag_reports(metrics.lagged))]
        tasks.append(asyncio.create_task(memory.serve_returns()))
        tasks += await _registrations(settings, mesh, feed, ads, cluster)
        await _serve_xds(undo, settings, ads, secured, insight, tasks)
        tasks += _root_tasks(settings, mesh, debounce, secured)
        await _serve_webhooks(undo, addresses.https, side, secured, cluster, tasks)
        feed.is_serving = True
        memory.settle()
        _tell(settings)
        tasks += _writers(undo, cluster, mesh, settings, secured, side, feed, registry)
        await _until(stopping, tasks)
        feed.is_serving = False
        if cluster is not None:
            await cluster.save(mesh)


def _check(settings: Settings) -> None:
    """What is wrong with settings is told. Raises: StartError."""
    if settings.config_dir is None and settings.kubernetes is None:
        raise StartError("there is nothing to read configuration from: give --configDir or --kubeconfig")
    for warning in settings.warnings:
        _log.warning("%s", warning)


async def _serve_pages(
    undo: contextlib.AsyncExitStack,
    settings: Settings,
    feed: Feed,
    side: WebhookSide,
    insight: Insight,
    stopping: asyncio.Event,
) -> None:
    """What is for people and probes. Raises: StartError, OSError."""
    addresses, pages = settings.addresses, insight.http(feed.missing)
    if not addresses.https:
        side.webhooks.add_to(pages)
    await _serve_http(undo, addresses.http, pages)
    await _serve_http(undo, addresses.monitoring, insight.monitoring())
    controlz = insight.controlz(stopping.set)
    if controlz is not None:
        try:
            await _serve_http(undo, *controlz)
        except OSError as error:
            _log.warning("ControlZ is not served: %s", error)


async def _serve_xds(
    undo: contextlib.AsyncExitStack,
    settings: Settings,
    ads: AdsServer,
    secured: trust.Trust,
    insight: Insight,
    tasks: list[asyncio.Task[None]],
) -> None:
    """Both ports for proxies, from now on. Raises: StartError."""
    listen = partial(_serve_grpc, undo, settings, insight.calls, ads.close_streams)
    addresses = settings.addresses
    callers, secure = secured.authentication, secured.port
    insight.trust(callers)
    insight.show(partial(inventory.certificates, secured), partial(inventory.workloads, secured))
    tasks.append(asyncio.create_task(insight.history.serve()))
    if addresses.grpc:
        plain = (ads.handler(translated(callers)), *(secured.handlers if secure is None else ()))
        await listen(plain, bind=addresses.grpc)
    if addresses.secure_grpc and secure is not None:
        handlers = (ads.handler(translated(callers), lambda call: callers.read(call).peer), *secured.handlers)
        await listen(handlers, target=secure.target)
        host, port = split_address(addresses.secure_grpc)
        secure.bind(host, port)
        tasks.append(asyncio.create_task(secure.serve_connections()))


async def _registrar(settings: Settings, mesh: Mesh, feed: Feed) -> Registrar:
    """Workloads that register themselves; what it knows is kept in the state directory."""
    directory = StateDirectory(settings.state_dir / "registrations")
    made = Registrar(
        settings.registrations,
        lambda: mesh.snapshot,
        feed.register,
        lambda entries: kept.save(directory, entries),
        lambda: datetime.now(UTC),
    )
    made.remember(await asyncio.to_thread(kept.load, directory))
    feed.amend = made.amend
    return made


def _tell(settings: Settings) -> None:
    addresses = settings.addresses
    where = (settings.config_dir or "the cluster", addresses.grpc, addresses.secure_grpc)
    _log.info("serving %s: xDS on %s and %s", *where)


async def _registrations(
    settings: Settings, mesh: Mesh, feed: Feed, ads: AdsServer, cluster: ConfigCluster | None
) -> list[asyncio.Task[None]]:
    """Workloads that register themselves by connecting."""
    if cluster is None:
        ads.attendance = await _registrar(settings, mesh, feed)
        return [asyncio.create_task(ads.attendance.serve())]
    name = (settings.kubernetes or Kubernetes()).pod_name
    rules = replace(settings.registrations, controller=name)
    longest = settings.tuning.max_connection_age
    oldest = longest * OLDEST_STREAM if longest is not None else None
    entries = WorkloadEntries(cluster.client, lambda: mesh.snapshot, name, rules.grace, oldest)
    ads.attendance = Registrar(rules, lambda: mesh.snapshot, feed.register, entries.save, lambda: datetime.now(UTC))
    return [asyncio.create_task(each) for each in (ads.attendance.serve(), entries.serve())]


def _root_tasks(settings: Settings, mesh: Mesh, debounce: Debounce, secured: trust.Trust) -> list[asyncio.Task[None]]:
    """What tells proxies of all roots, where there may be several."""
    if not settings.certificates.is_multi_root:
        return []
    return [asyncio.create_task(secured.bundle.serve(_publishing(mesh, debounce, secured)))]


def _publishing(mesh: Mesh, debounce: Debounce, secured: trust.Trust) -> Callable[[tuple[str, ...]], None]:
    """Has proxies told of the roots of the mesh, those that ask for them."""

    def publish(roots: tuple[str, ...]) -> None:
        mesh.trust_bundle = trust_bundle.build(roots)
        if secured.followers is not None:
            secured.followers.also_trust(roots)
        debounce.submit(Change(frozenset((PROXY_CONFIG,)), ("global",), asyncio.get_running_loop().time()))

    return publish


async def _serve_webhooks(
    undo: contextlib.AsyncExitStack,
    address: str,
    side: WebhookSide,
    secured: trust.Trust,
    cluster: ConfigCluster | None,
    tasks: list[asyncio.Task[None]],
) -> None:
    """The port for API servers, and what injection follows: files, a ConfigMap. Raises: StartError, OSError."""
    if cluster is not None:
        side.files.follow_cluster(side.mesh_text)
        tasks.append(asyncio.create_task(side.serve_config_map(cluster.watch_injector)))
        await side.first_look()
    await asyncio.to_thread(side.files.reload)
    tasks.append(asyncio.create_task(side.files.serve_changes()))
    if address and secured.serving is not None:
        host, port = split_address(address)
        await undo.enter_async_context(serve_tls(side.webhooks.application(), host, port, secured.serving))


def _writers(
    undo: contextlib.AsyncExitStack,
    cluster: ConfigCluster | None,
    mesh: Mesh,
    settings: Settings,
    secured: trust.Trust,
    side: WebhookSide,
    feed: Feed,
    registry: CollectorRegistry,
) -> list[asyncio.Task[None]]:
    """What writes to the cluster: the first to end, so that another replica may go on at once."""
    if cluster is None:
        return []
    serving, limits = secured.serving, settings.certificates

    def roots() -> Roots | None:
        if serving is None or limits.provider == "none":
            return None
        return Roots(serving().roots, secured.revocations() if limits.with_revocations else None)

    wanted = writers(cluster, mesh, settings, roots, lambda: side.files.installation, feed.standing, registry)
    tasks = [asyncio.create_task(each) for each in wanted]
    undo.push_async_callback(_cancel, tasks)
    return tasks


async def _cluster(
    settings: Settings, undo: contextlib.AsyncExitStack, feed: Feed, insight: Insight, figures: RemoteMetrics
) -> ConfigCluster | None:
    """The cluster that configuration is read from, if it is one; and the others that its Secrets name."""
    wanted = settings.kubernetes
    if wanted is None:
        return None
    cluster = await undo.enter_async_context(config_cluster.opened(settings, wanted))
    cluster.source.failed = partial(figures.failed, settings.features.cluster_id)
    secrets = cluster.client
    if wanted.is_external and wanted.watches_local_secrets:
        secrets = await connect()
        undo.push_async_callback(secrets.close)
    remotes = cluster.remotes = RemoteClusters(
        secrets,
        settings,
        Takers(feed.take_remote, feed.register_remote, feed.trust_remote, feed.forget_remote),
        figures,
    )
    insight.remote_clusters = lambda: [ClusterState(*each.values()) for each in remotes.rows()[1:]]
    return cluster


def _issuers(cluster: ConfigCluster | None, mesh: Mesh) -> Remotes:
    """Whom to ask about tokens of other clusters."""

    def find(name: str) -> Cluster | None:
        remote = cluster.remotes.remotes.get(name) if cluster is not None and cluster.remotes is not None else None
        if remote is None or remote.client is None:
            return None
        return Cluster(remote.client, pods=SnapshotPods(mesh, name))

    return find


async def _everything(feed: Feed, tasks: Sequence[asyncio.Task[None]], cluster: ConfigCluster | None) -> None:
    """Until all that exists was read; other clusters are not waited for long. Raises: what ended one of the tasks."""
    await feed.listed(tasks)
    if cluster is not None and cluster.remotes is not None and not cluster.source.is_stood_in_for:
        await cluster.remotes.settle()


async def _mesh_settings(settings: Settings, cluster: ConfigCluster | None) -> MeshFiles:
    """MeshConfig and MeshNetworks at the start. Raises: MeshFileError."""
    if cluster is not None:
        return await cluster.first_settings()
    return await asyncio.to_thread(read_mesh_files, str(settings.mesh_config), str(settings.networks_config))


def _sources(
    settings: Settings, feed: Feed, cluster: ConfigCluster | None, mesh: Mesh
) -> tuple[Coroutine[None, None, None], ...]:
    """What keeps the snapshot current."""
    if cluster is None:
        return feed.serve_files(), feed.serve_mesh_files()
    access = SecretAccess(cluster.client)
    objects, settings_ = feed.serve_cluster(cluster), feed.serve_cluster_settings(cluster)
    others = (cluster.remotes.serve(),) if cluster.remotes is not None else ()
    return objects, settings_, feed.serve_access(access, cluster.remotes), cluster.serve_memory(mesh), *others


async def _while_not(stopping: asyncio.Event, waited: Coroutine[None, None, T]) -> T | None:
    """What is waited for, or None where the signal to stop comes first. Raises: what it raises."""
    waiting, signalled = asyncio.ensure_future(waited), asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait((waiting, signalled), return_when=asyncio.FIRST_COMPLETED)
        return waiting.result() if waiting.done() else None
    finally:
        waiting.cancel()
        signalled.cancel()
        await asyncio.gather(waiting, signalled, return_exceptions=True)


def _key_keeper(settings: Settings) -> KeyKeeper:
    wanted = settings.token_keys
    return KeyKeeper(
        KeyFetcher(wanted.blocked, insecure=wanted.insecure).fetch,
        StateDirectory(settings.state_dir / "token-keys"),
        wanted.refresh,
    )


def split_address(address: str) -> tuple[str, int]:
    """`127.0.0.1:80`, `[::1]:80`, `:80` -> host (empty: every interface) and port. Raises: StartError."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise StartError(f"address {address!r}: expected host:port or :port")
    return host.strip("[]"), int(port)


async def _until(stopping: asyncio.Event, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Waits for the signal. A task that ends before it is a bug, and ends the process: a supervisor restarts it."""
    signalled = asyncio.create_task(stopping.wait())
    done, _ = await asyncio.wait((signalled, *tasks), return_when=asyncio.FIRST_COMPLETED)
    signalled.cancel()
    for task in done - {signalled}:
        task.result()
    _log.info("stopping")


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _serve_http(undo: contextlib.AsyncExitStack, address: str, application: web.Application) -> None:
    if not address:
        return
    host, port = split_address(address)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    undo.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, host or None, port).start()


async def _serve_grpc(
    undo: contextlib.AsyncExitStack,
    settings: Settings,
    calls: CallMetrics,
    close_streams: Callable[[], None],
    handlers: Sequence["grpc.GenericRpcHandler[bytes, bytes]"],
    *,
    bind: str = "",
    target: str = "",
) -> None:
    """One gRPC server: on `bind` (host:port) or on `target`, a name that gRPC knows.

    In the end it takes nothing new, its streams end in order, and calls under way have the time that is set.
    """
    tuning = settings.tuning
    options = server_options(
        max_receive_bytes=tuning.max_receive_bytes,
        max_streams=tuning.max_streams,
        keepalive_interval=tuning.keepalive_interval,
        keepalive_timeout=tuning.keepalive_timeout,
        max_connection_age=tuning.max_connection_age,
    )
    server = grpc.aio.server(options=options, interceptors=(calls,))
    server.add_generic_rpc_handlers(tuple(handlers))
    if bind:
        host, port = split_address(bind)
        target = f"[{host}]:{port}" if ":" in host else f"{host or '[::]'}:{port}"
    try:
        server.add_insecure_port(target)
    except RuntimeError as error:
        raise StartError(f"cannot listen on {target}: {error}") from error
    await server.start()

    async def drain() -> None:
        ending = asyncio.ensure_future(server.stop(settings.shutdown.total_seconds()))
        await asyncio.sleep(0)  # from here on new streams are refused
        close_streams()
        await ending

    undo.push_async_callback(drain)
