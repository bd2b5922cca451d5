"""The webhooks wired: what judges objects, what injects pods, the port, its certificate.

In: settings, the mesh, the control plane's certificate. Out: an application, and a TLS port that presents whatever
certificate is in force at each handshake. Decides nothing itself. Source: webhook behaviour 2.1, 2.6, 2.8, 5.1.
"""

import asyncio
import contextlib
import json
import logging
import os
import re
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry

from ca.errors import KubernetesError
from ca.serving import ServingCertificate, build_context
from pilot import admission
from pilot.mesh import Mesh
from pilot.model.declared_proxy_config import DeclaredProxyConfig
from pilot.model.kubernetes import Namespace, Node
from pilot.model.snapshot import Snapshot
from pilot.settings import Settings
from pilot.sources.kubernetes.injector import InjectorTexts
from webhook.injection import built_in
from webhook.injection.inject import Injected, PodReview, review_pod
from webhook.installation import InjectionFiles, Places, Texts
from webhook.metrics import WebhookMetrics
from webhook.review import Review
from webhook.server import Decision, Injector, Judgement, Webhooks

HANDSHAKE_SECONDS: Final = 10.0
_RETRY: Final = 30.0
_FIRST_LOOK: Final = 2.0
_VERSION: Final = re.compile(r"v?(\d+)\.(\d+)")
_FIRST: Final = (1, 33)
"""Of Kubernetes: init containers that stay are stable."""

_log = logging.getLogger("injection")


class WebhookSide:
    """Both webhooks of one control plane; `files` are followed by whoever runs it."""

    def __init__(
        self, settings: Settings, mesh: Mesh, registry: CollectorRegistry, missing: Callable[[], Iterable[str]]
    ) -> None:
        self._mesh, wanted = mesh, settings.webhooks
        self._native = wanted.native_sidecars
        self.files = InjectionFiles(
            Places(
                directory=wanted.injection_directory,
                mesh=settings.mesh_config,
                revision=settings.features.revision,
                platform=wanted.platform,
                compliance_policy=wanted.compliance_policy,
                environment=os.environ,
            ),
            lambda: (built_in.config(os.environ), built_in.values()),
        )
        self._injects = wanted.injects
        self._looked = asyncio.Event()
        self.webhooks = Webhooks(WebhookMetrics(registry), judge, self.injector, missing)

    def templates(self) -> dict[str, str]:
        """The injector's templates by name; none where it is off."""
        found = self.files.installation
        return {name: each.text for name, each in found.config.templates.items()} if found and self._injects else {}

    def close(self) -> None:
        """Lets go of the threads."""
        self.webhooks.close()

    async def serve_config_map(self, versions: Callable[[], AsyncIterator[InjectorTexts | None]]) -> None:
        """Follows the injector's ConfigMap for ever, in a cluster that has one; ends only by cancellation."""
        while True:
            try:
                async for found in versions():
                    self.files.offer(Texts(found.config, found.values) if found is not None else None)
                    await asyncio.to_thread(self.files.reload)
                    self._looked.set()
            except KubernetesError as error:
                _log.error(f"the injector's ConfigMap cannot be read, the next attempt is in {_RETRY:.0f} s: {error}")
            await asyncio.sleep(_RETRY)

    async def first_look(self) -> None:
        """Waits until the ConfigMap was looked for, but not long: a cluster may be silent."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_LOOK):
                await self._looked.wait()

    def mesh_text(self) -> str:
        """The mesh configuration in force, as people write it."""
        return json.dumps(msgspec.to_builtins(self._mesh.snapshot.mesh, enc_hook=str))

    def injector(self) -> Injector | None:
        """What injects by the configuration in force."""
        installation = self.files.installation
        if installation is None or not self._injects:
            return None

        def inject(review: Review, path: str) -> Decision:
            pod, snapshot = review.object or {}, self._mesh.snapshot
            namespace = review.namespace or str((pod.get("metadata") or {}).get("namespace") or "")
            found = review_pod(
                PodReview(
                    pod=pod,
                    namespace=namespace,
                    path=path,
                    native_sidecars=native_sidecars(self._native, snapshot, pod),
                    namespace_annotations=_annotations(snapshot, namespace),
                    proxy_configs=_proxy_configs(snapshot),
                ),
                installation,
            )
            return Decision(found.patch if isinstance(found, Injected) else None, found.warnings)

        return inject


def judge(review: Review) -> Judgement:
    """The verdict on the object of a review; group and kind are those that the API server says."""
    named = {"apiVersion": f"{review.group}/{review.version}" if review.group else review.version, "kind": review.kind}
    verdict = admission.judge({**(review.object or {}), **named}, review.namespace)
    return Judgement(verdict.allowed, verdict.message, verdict.warnings, verdict.reason)


def native_sidecars(wanted: bool | None, snapshot: Snapshot, pod: Mapping[str, Any]) -> bool:
    """What is wanted; None: whether nodes are new enough: the pod's own, where it names one, else all there are."""
    if wanted is not None:
        return wanted
    name = str((pod.get("spec") or {}).get("nodeName") or "")
    named = snapshot.objects.get(Node, "", name) if name else None
    nodes = [named] if named is not None else list(snapshot.objects.of(Node))
    return all(_is_new(node.status.node_info.kubelet_version) for node in nodes)


def _is_new(version: str) -> bool:
    found = _VERSION.match(version)
    return found is not None and (int(found[1]), int(found[2])) >= _FIRST


def _annotations(snapshot: Snapshot, namespace: str) -> Mapping[str, str]:
    found = snapshot.objects.get(Namespace, "", namespace)
    return found.metadata.annotations if found is not None else {}


def _proxy_configs(snapshot: Snapshot) -> tuple[Mapping[str, Any], ...]:
    return tuple(msgspec.to_builtins(each) for each in snapshot.objects.of(DeclaredProxyConfig))


# --- the port -------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def serve_tls(
    application: web.Application, host: str, port: int, serving: Callable[[], ServingCertificate]
) -> AsyncIterator[int]:
    """HTTP/1.1 over TLS 1.2 and later, without certificates of clients; gives the port. Raises: OSError."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        assert runner.server is not None
        server = await asyncio.get_running_loop().create_server(
            runner.server, host or None, port, ssl=rotating_context(serving), ssl_handshake_timeout=HANDSHAKE_SECONDS
        )
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
    finally:
        await runner.cleanup()


def rotating_context(serving: Callable[[], ServingCertificate]) -> ssl.SSLContext:
    """A context that presents the certificate in force at each handshake, whatever name the client asks for."""
    made = serving()
    latest = (made, _context(made))

    def choose(connection: ssl.SSLObject, _name: str | None, _context_before: ssl.SSLContext) -> None:
        nonlocal latest
        now = serving()
        if now is not latest[0]:
            latest = (now, _context(now))
        connection.context = latest[1]

    first = _context(made)
    first.sni_callback = choose
    return first


def _context(serving: ServingCertificate) -> ssl.SSLContext:
    context = build_context(serving)
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context
