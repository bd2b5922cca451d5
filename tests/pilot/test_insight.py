"""What is to be seen of a control plane, put together."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from ca.authn import local_issuer
from ca.authn.bearer import LocalTokenAuthenticator
from ca.authn.chain import Chain
from ca.authn.connections import Connections
from ca.authn.grpc_call import GrpcAuthentication
from ca.spiffe import TrustDomain
from pilot.debug import front
from pilot.debug.dashboard.rows import WorkloadCertificate
from pilot.debug.pages import ClusterState
from pilot.insight import Insight
from pilot.mesh import Mesh
from pilot.settings import load
from pilot.xds.metrics import XdsMetrics
from pilot.xds.server import AdsServer
from tests.pilot.debug.worlds import bookinfo


def insight(**flags: Any) -> Insight:
    mesh: Mesh = bookinfo()
    registry = CollectorRegistry()
    environ = {name: flags.pop(name) for name in tuple(flags) if name.isupper()}
    environ |= {"POD_NAME": "istiod-1"} | ({} if "config_dir" in flags else {"KUBERNETES_SERVICE_HOST": "x"})
    settings = load(flags, environ)
    return Insight(settings, mesh, AdsServer(mesh, XdsMetrics(registry)), registry, tuple)


async def test_both_ports_have_debug_pages() -> None:
    made = insight()
    for application in (made.http(tuple), made.monitoring()):
        async with TestClient(TestServer(application)) as client:
            assert await (await client.get("/debug/syncz")).json() == []
            clusters = await (await client.get("/debug/clusterz")).json()
            assert clusters == [{"id": "Kubernetes", "secretName": "", "syncStatus": "synced"}]
    async with TestClient(TestServer(made.monitoring())) as client:
        assert "pilot_services 6.0" in await (await client.get("/metrics")).text()


async def test_the_dashboard_is_on_the_monitoring_port() -> None:
    made = insight()
    ends = datetime(2030, 1, 1, tzinfo=UTC)
    made.show(tuple, lambda: [WorkloadCertificate("spiffe://a", "web-0", ends)])
    async with TestClient(TestServer(made.monitoring())) as client:
        assert "<strong>6</strong><span>services</span>" in await (await client.get("/")).text()
        assert "spiffe://a" in await (await client.get("/certificates")).text()
    async with TestClient(TestServer(made.http(tuple))) as client:
        assert (await client.get("/")).status == 404


async def test_the_dashboard_is_switched_off_with_the_debug_pages() -> None:
    made = insight(ENABLE_DEBUG_ON_HTTP="false")
    async with TestClient(TestServer(made.monitoring())) as client:
        assert (await client.get("/")).status == 404


async def test_pages_can_push() -> None:
    async with TestClient(TestServer(insight().monitoring())) as client:
        assert await (await client.get("/debug/adsz?push=true")).text() == "Pushed to 0 servers"


async def test_without_a_monitoring_port_metrics_are_beside_readiness() -> None:
    from pilot.settings import Addresses

    made = insight(addresses=Addresses(monitoring=""))
    async with TestClient(TestServer(made.http(tuple))) as client:
        assert (await client.get("/metrics")).status == 200


def test_remote_clusters_come_after_our_own() -> None:
    made = insight()
    made.remote_clusters = lambda: [ClusterState("r", "istio-system/r", "syncing")]
    assert [each.id for each in made.clusters()] == ["Kubernetes", "r"]


def test_controlz_is_where_it_is_wanted() -> None:
    def place(**flags: Any) -> str:
        found = insight(**flags).controlz(lambda: None)
        assert found is not None
        return found[0]

    assert place() == "127.0.0.1:9876"
    assert place(controlz_address="*", controlz_port=1) == ":1"
    assert place(controlz_address="::1") == "[::1]:9876"
    assert insight(controlz_port=0).controlz(lambda: None) is None


def test_we_say_who_we_are() -> None:
    from pilot.insight import _identifier

    told = json.loads(_identifier(load({}, {"POD_NAME": "istiod-1"})))
    assert (told["Component"], told["ID"], told["Info"]["version"]) == ("istiod", "istiod-1", "1.29.1")


async def test_a_token_opens_debug_pages_from_afar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = local_issuer.load_or_create(tmp_path)
    known = LocalTokenAuthenticator(issuer, TrustDomain("cluster.local"), ("istio-ca",), ("Kubernetes",))
    made = insight()
    made.trust(GrpcAuthentication(Chain((known,)), Connections()))
    monkeypatch.setattr(front, "is_local", lambda _: False)
    async with TestClient(TestServer(made.monitoring())) as client:
        for namespace, status in (("istio-system", 200), ("shop", 403)):
            token = issuer.issue(namespace, "kiali", timedelta(hours=1), "istio-ca", "", "")
            answer = await client.get("/debug/syncz", headers={"Authorization": f"Bearer {token}"})
            assert answer.status == status
        assert (await client.get("/debug/syncz")).status == 401
        assert (await client.get("/metrics")).status == 200
