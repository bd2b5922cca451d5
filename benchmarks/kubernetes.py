"""A large cluster read at the start: 20,000 Pods and 20,000 endpoints, listed over HTTP and modelled.

In: nothing. Out: seconds and megabytes of a process that does just that, beside the targets. The API server is a
process of its own that answers lists with bytes made before, page by page as a real one does.

python -m benchmarks.kubernetes
"""

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import click
import uvloop
from aiohttp import web
from rich import box
from rich.console import Console
from rich.table import Table

PODS, SERVICES, ENDPOINTS = 20_000, 1_000, 20
"""Endpoints: of each service, all in one slice."""
SECONDS, MEGABYTES = 6.0, 250.0
NODES = 200


STARTED = "2026-01-01T00:00:00Z"


def pod(number: int) -> dict[str, Any]:
    """A Pod about as large as real ones are: 5 kB, half of it bookkeeping."""
    app = f"app-{number // ENDPOINTS}"
    containers = [container(name, port) for name, port in (("app", 8080), ("istio-proxy", 15090))]
    metadata = {
        "name": f"{app}-7d9f8b6c5-{number:05d}",
        "generateName": f"{app}-7d9f8b6c5-",
        "namespace": f"team-{number // ENDPOINTS % 50}",
        "uid": f"00000000-0000-4000-8000-{number:012d}",
        "resourceVersion": str(1000 + number),
        "creationTimestamp": STARTED,
        "labels": labels(app),
        "annotations": {
            "istio.io/rev": "default",
            "kubectl.kubernetes.io/restartedAt": STARTED,
            "prometheus.io/scrape": "true",
            "sidecar.istio.io/status": json.dumps({"initContainers": ["istio-init"], "containers": ["istio-proxy"]}),
        },
        "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{app}-7d9f8b6c5", "controller": True}
        ],
        "managedFields": [
            {"manager": "controller", "fieldsV1": {f"f:field-{index}": {"f:name": {}} for index in range(40)}}
        ],
    }
    spec = {
        "containers": containers,
        "serviceAccountName": app,
        "nodeName": f"node-{number % NODES}",
        "volumes": [{"name": "token", "projected": {"defaultMode": 420}}],
        "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}],
    }
    return {"metadata": metadata, "spec": spec, "status": status(number, [each["name"] for each in containers])}


def labels(app: str) -> dict[str, str]:
    """As an injector leaves them."""
    return {
        "app": app,
        "version": "v1",
        "pod-template-hash": "7d9f8b6c5",
        "security.istio.io/tlsMode": "istio",
        "service.istio.io/canonical-name": app,
        "service.istio.io/canonical-revision": "v1",
    }


def container(name: str, port: int) -> dict[str, Any]:
    """With an environment, resources, mounts."""
    return {
        "name": name,
        "image": f"registry.example.com/team/{name}:1.2.3",
        "ports": [{"containerPort": port, "name": f"http-{port}", "protocol": "TCP"}],
        "env": [{"name": f"VARIABLE_{index}", "value": f"value of {index}"} for index in range(8)],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "volumeMounts": [{"name": "token", "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io"}],
        "terminationMessagePath": "/dev/termination-log",
    }


def status(number: int, containers: list[str]) -> dict[str, Any]:
    """Of a Pod that runs."""
    address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    conditions = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    return {
        "phase": "Running",
        "conditions": [{"type": each, "status": "True", "lastTransitionTime": STARTED} for each in conditions],
        "hostIP": f"192.168.0.{number % NODES}",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "containerStatuses": [
            {"name": each, "ready": True, "imageID": "sha256:0123456789abcdef", "state": {"running": {}}}
            for each in containers
        ],
    }


def service(number: int) -> dict[str, Any]:
    """A Service on one port."""
    return {
        "metadata": {
            "name": f"app-{number}",
            "namespace": f"team-{number % 50}",
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {
            "clusterIP": f"172.16.{number >> 8}.{number & 255}",
            "selector": {"app": f"app-{number}"},
            "ports": [{"name": "http", "port": 80, "targetPort": 8080}],
        },
    }


def endpoint_slice(number: int) -> dict[str, Any]:
    """The endpoints of a service."""
    pods = [pod(number * ENDPOINTS + index) for index in range(ENDPOINTS)]
    return {
        "metadata": {
            "name": f"app-{number}-x7z9q",
            "namespace": f"team-{number % 50}",
            "labels": {"kubernetes.io/service-name": f"app-{number}"},
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": [
            {
                "addresses": [each["status"]["podIP"]],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "nodeName": each["spec"]["nodeName"],
                "zone": "zone-a",
                "targetRef": {
                    "kind": "Pod",
                    "name": each["metadata"]["name"],
                    "namespace": each["metadata"]["namespace"],
                },
            }
            for each in pods
        ],
    }


def node(number: int) -> dict[str, Any]:
    """A Node in a zone."""
    labels = {"topology.kubernetes.io/region": "region-1", "topology.kubernetes.io/zone": "zone-a"}
    return {"metadata": {"name": f"node-{number}", "labels": labels}}


# --- the API server -------------------------------------------------------------------------------------------------


def serve() -> None:
    """Answers lists and quiet watches on a free port, which it prints."""
    collections = {
        "pods": [json.dumps(pod(number)).encode() for number in range(PODS)],
        "services": [json.dumps(service(number)).encode() for number in range(SERVICES)],
        "endpointslices": [json.dumps(endpoint_slice(number)).encode() for number in range(SERVICES)],
        "nodes": [json.dumps(node(number)).encode() for number in range(NODES)],
    }
    pages: dict[tuple[str, int, int], bytes] = {}

    async def answer(request: web.Request) -> web.StreamResponse:
        items = collections.get(request.path.rpartition("/")[2], [])
        if "watch" in request.query:
            response = web.StreamResponse()
            await response.prepare(request)
            await asyncio.sleep(3600)
            return response
        start, limit = int(request.query.get("continue", 0)), int(request.query.get("limit", 0)) or len(items)
        key = (request.path, start, limit)
        if key not in pages:
            more = f',"continue":"{start + limit}"' if start + limit < len(items) else ""
            head = f'{{"kind":"List","metadata":{{"resourceVersion":"9"{more}}},"items":['.encode()
            pages[key] = head + b",".join(items[start : start + limit]) + b"]}"
        return web.Response(body=pages[key], content_type="application/json")

    async def run() -> None:
        application = web.Application()
        application.router.add_get("/{path:.*}", answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until whoever started us goes

    uvloop.run(run())


# --- what is measured -----------------------------------------------------------------------------------------------


async def read_cluster(port: int) -> dict[str, float]:
    """Everything that the program does between its first request and a modelled mesh."""
    from kubernetes_asyncio import client

    from pilot import memory
    from pilot.kube_client import KubeClient
    from pilot.model.features import Features
    from pilot.model.snapshot import Snapshot
    from pilot.sources.kubernetes.resources import select_resources
    from pilot.sources.kubernetes.source import KubernetesSource

    memory.prepare()
    api = KubeClient(client.ApiClient(client.Configuration(host=f"http://127.0.0.1:{port}")))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started, cpu = time.perf_counter(), time.process_time()
    source = KubernetesSource(api, select_resources(Features()))
    snapshot, listed = Snapshot.empty(), 0.0
    async for batch in source.watch():
        listed = time.perf_counter() - started
        snapshot, _ = snapshot.apply(batch.events)
        break
    seconds = time.perf_counter() - started
    endpoints = sum(len(each.endpoints) for each in snapshot.endpoints.values())
    await api.close()
    return {
        "seconds": seconds,
        "listed": listed,
        "cpu": time.process_time() - cpu,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "before": before,
        "objects": len(snapshot.objects),
        "endpoints": endpoints,
    }


def measured() -> dict[str, float]:
    """The figures of one run, each part in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.kubernetes"]
    server = subprocess.Popen([*command, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        port = server.stdout.readline().strip()
        reading = [*command, "read", port]
        subprocess.run(reading, capture_output=True, check=True, timeout=120)  # the server makes its pages
        done = subprocess.run(reading, capture_output=True, text=True, check=True, timeout=120)
        figures: dict[str, float] = json.loads(done.stdout)
        return figures
    finally:
        server.kill()
        server.communicate()


def rows(figures: dict[str, float]) -> Iterator[tuple[str, str, str]]:
    """Name, figure, target."""
    yield "objects, endpoints", f"{figures['objects']:,.0f}, {figures['endpoints']:,.0f}", ""
    yield "listed and decoded", f"{figures['listed']:.2f} s", ""
    yield "listed and modelled", f"{figures['seconds']:.2f} s", f"{SECONDS:.0f} s"
    yield "CPU of that", f"{figures['cpu']:.2f} s", ""
    yield "memory of the process", f"{figures['megabytes']:.0f} MB", f"{MEGABYTES:.0f} MB"
    yield "of that before it began", f"{figures['before']:.0f} MB", ""


@click.group(invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """Measures how a large cluster is read."""
    if context.invoked_subcommand is None:
        figures = measured()
        table = Table("a cluster of 20,000 Pods", "measured", "target", box=box.SIMPLE)
        for row in rows(figures):
            table.add_row(*row)
        Console(width=100).print(table)


@main.command("serve")
def serve_lists() -> None:
    """The API server (for the measurement itself)."""
    serve()


@main.command("read")
@click.argument("port", type=int)
def read(port: int) -> None:
    """The measured process (for the measurement itself)."""
    print(json.dumps(uvloop.run(read_cluster(port))))


if __name__ == "__main__":
    main()
