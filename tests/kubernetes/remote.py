"""Several clusters for tests: kubeconfigs of test clusters, Secrets that name them, a control plane that follows them.

Comes in: test clusters. Goes out: what operators write to join them, and what the control plane says of them.
"""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from pilot.cli.remote_secret import TOKEN_TYPE
from tests.control_plane import HTTP, ControlPlane
from tests.kubernetes.cluster import TestCluster

SECRETS = "/api/v1/namespaces/istio-system/secrets"


def kubeconfig(cluster: TestCluster, **user: Any) -> dict[str, Any]:
    """`user`: how to prove who we are; else as administrator."""
    server = cluster.server
    authority = base64.b64encode(server.ca_file.read_bytes()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "r", "cluster": {"server": server.url, "certificate-authority-data": authority}}],
        "users": [{"name": "r", "user": user or {"token": server.admin_token}}],
        "contexts": [{"name": "r", "context": {"cluster": "r", "user": "r"}}],
        "current-context": "r",
    }


async def register(cluster: TestCluster, name: str, content: dict[str, Any]) -> None:
    """A remote Secret, or a new content of it."""
    metadata = {"name": f"istio-remote-secret-{name}", "labels": {"istio/multiCluster": "true"}}
    made = {"metadata": metadata, "stringData": {name: json.dumps(content)}}
    await cluster.create(
        {"apiVersion": "v1", "kind": "Secret", **made, "metadata": {**metadata, "namespace": "istio-system"}}
    )


def control_plane(
    cluster: TestCluster,
    address: str,
    work: Path,
    *,
    mesh_config: Path | None = None,
    kubeconfig: Path | None = None,
    prefix: Sequence[str] = (),
    **environment: str,
) -> ControlPlane:
    """Of a cluster that it reads as administrator; by `kubeconfig`, mounted as charts do, if that is given."""
    files = ("--meshConfig", str(mesh_config or work / "none"), "--networksConfig", str(work / "none"))
    arguments = files if kubeconfig else ("--kubeconfig", str(cluster.server.kubeconfig), *files)
    mounted = {"KUBECONFIG": str(kubeconfig)} if kubeconfig else {}
    return ControlPlane(address, None, work, arguments, {"REVISION": "default", **mounted, **environment}, prefix)


def in_pod_of(cluster: TestCluster, directory: Path) -> tuple[tuple[str, ...], dict[str, Any]]:
    """A program before the command, and its environment, for a process that has what a pod of the cluster has."""
    mounted = directory / "run" / "secrets" / "kubernetes.io" / "serviceaccount"
    mounted.mkdir(parents=True)
    (mounted / "token").write_text(cluster.server.admin_token)
    (mounted / "ca.crt").write_bytes(cluster.server.ca_file.read_bytes())
    (mounted / "namespace").write_text("istio-system")
    host, _, port = cluster.server.url.removeprefix("https://").partition(":")
    script = f'mount --rbind {directory / "run"} /run && exec "$@"'
    prefix = ("/usr/bin/unshare", "--user", "--map-root-user", "--mount", "/bin/sh", "-c", script, "sh")
    return prefix, {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}


async def states(plane: ControlPlane) -> dict[str, str]:
    """Of clusters by id."""
    _, text = await plane.get(HTTP, "/debug/clusterz")
    return {each["id"]: each["syncStatus"] for each in json.loads(text)}


@contextlib.asynccontextmanager
async def token_controller(cluster: TestCluster) -> AsyncIterator[None]:
    """Puts tokens into Secrets that ask for them, as Kubernetes' own controller does."""

    async def serve() -> None:
        while True:
            for each in (await cluster.call("GET", SECRETS))["items"]:
                if each["type"] == TOKEN_TYPE and not each.get("data"):
                    account = each["metadata"]["annotations"]["kubernetes.io/service-account.name"]
                    path = f"/api/v1/namespaces/istio-system/serviceaccounts/{account}/token"
                    token = (await cluster.call("POST", path, {"spec": {}}))["status"]["token"]
                    data = {"token": token, "ca.crt": cluster.server.ca_file.read_text(), "namespace": "istio-system"}
                    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
                    await cluster.call("PATCH", f"{SECRETS}/{each['metadata']['name']}", {"data": encoded})
            await asyncio.sleep(0.05)

    serving = asyncio.create_task(serve())
    yield
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
