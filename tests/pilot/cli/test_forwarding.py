"""Commands that reach pods through an API server; a real one is in tests/kubernetes/test_commands_from_afar.py."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from pilot.cli import forwarding
from pilot.cli.forwarding import Place, expand, parse_pod
from tests.pilot.cli.answering import answering, envoy, run
from tests.pilot.cli.port_forwarder import Ports
from tests.pilot.cli.port_forwarder import forwarding as forwarder


@pytest.fixture(autouse=True)
def nothing_is_open() -> None:
    forwarding._through.cache_clear()
    forwarding._opened.cache_clear()


@asynccontextmanager
async def cluster(path: Path, monkeypatch: pytest.MonkeyPatch, ports: Ports) -> AsyncIterator[None]:
    """An API server whose pods are programs of this machine."""

    async def pods(request: web.Request) -> web.Response:
        assert request.query["labelSelector"] == "app=istiod"
        names = sorted({pod for pod, _ in ports if pod.startswith("istiod")}, reverse=True)
        found = names if request.match_info["namespace"] == "istio-system" else []
        return web.json_response({"items": [{"metadata": {"name": name}} for name in found]})

    application = web.Application()
    application.router.add_get("/api/v1/namespaces/{namespace}/pods", pods)
    application.router.add_get("/api/v1/namespaces/{namespace}/pods/{pod}/portforward", forwarder(ports))
    async with TestServer(application) as server:
        where = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.port}"}}
        context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
        config = {"clusters": [where], "users": [{"name": "u", "user": {"token": "t"}}], "contexts": [context]}
        (path / "kubeconfig").write_text(json.dumps({**config, "current-context": "c"}))
        monkeypatch.setenv("KUBECONFIG", str(path / "kubeconfig"))
        yield


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


async def test_control_planes_of_a_cluster_are_asked_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with answering() as one, answering() as two:
        ports = {("istiod-a", 15014): port_of(one), ("istiod-b", 15014): port_of(two)}
        async with cluster(tmp_path, monkeypatch, ports):
            found = await run("remote-clusters", "--address", "kubernetes")
            assert found.exit_code == 0, found.output
            assert "istiod-a" in found.output
            assert "istiod-b" in found.output
            known = await run("proxy-config", "clusters", "productpage-v1-a.default", "--address", "kubernetes")
            assert "reviews.default.svc.cluster.local" in known.output
            none = await run("proxy-config", "clusters", "nobody", "--address", "kubernetes@c")
            assert (none.exit_code, "Proxy not connected" in none.output) == (1, True)
            empty = await run("remote-clusters", "--address", "kubernetes/elsewhere")
            assert (empty.exit_code, "no running pod with the label app=istiod" in empty.output) == (
                1,
                True,
            )


async def test_an_envoy_in_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        answering(envoy(stats="server.live: 1\n")) as address,
        cluster(tmp_path, monkeypatch, {("web-1", 15000): port_of(address)}),
    ):
        found = await run("pc", "envoy-stats", "--envoy", "pod/web-1.shop")
        assert found.output == "server.live: 1\n"
        refused = await run("pc", "envoy-stats", "--envoy", "pod/web-1.shop:15020")
        assert refused.exit_code == 1
        assert "connection refused inside of the pod" in refused.output


async def test_without_a_cluster_there_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    found = await run("why", "--address", "kubernetes")
    assert (found.exit_code, "no credentials for Kubernetes" in found.output) == (1, True)


def test_addresses_of_pods() -> None:
    assert parse_pod("pod/a.b", 15014) == Place("a", "b", 15014)
    assert parse_pod("pod/a.x.b:80@other", 15014) == Place("a.x", "b", 80, "other")
    assert expand("pod/a.b", 9) == ["pod/a.b:9"]
    for wrong in ("pod/a", "pod/.b", "pod/a.b:x"):
        with pytest.raises(click.BadParameter, match=r"expected pod/NAME\.NAMESPACE"):
            parse_pod(wrong, 1)
