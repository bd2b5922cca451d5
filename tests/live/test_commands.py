"""The commands at a real control plane with real Envoys, and istioctl's and Kiali's own questions to it."""

import asyncio
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner, Result
from envoy.admin.v3 import config_dump_shared_pb2
from envoy.service.status.v3 import csds_pb2

from ca.authn import local_issuer
from pilot.cli import xds_client
from pilot.cli.main import main
from tests import control_plane
from tests.live.mesh import Mesh, playing
from tests.pilot.agent.eventually import eventually

pytestmark = pytest.mark.timeout(120)
FRONT = "front-v1.shop"


async def run(*arguments: str) -> Result:
    """A command, in a thread: we serve meanwhile."""
    return await asyncio.to_thread(CliRunner().invoke, main, list(arguments))


async def good(*arguments: str) -> str:
    """What a command prints that has to succeed."""
    found = await run(*arguments)
    assert found.exit_code == 0, found.output
    return found.output


def token(mesh: Mesh, namespace: str, account: str = "default") -> str:
    """Of an account."""
    issuer = local_issuer.load_or_create(mesh.control_plane.state)
    return issuer.issue(namespace, account, timedelta(hours=1), "istio-ca", "", "")


async def is_synced(address: str) -> bool:
    """Whether every proxy has accepted everything."""
    output = await good("proxy-status", "--address", address, "-v", "1")
    return "STALE" not in output and "NOT SENT" not in output


async def look_by_commands(mesh: Mesh, directory: Path) -> None:
    """What people do."""
    plane = mesh.control_plane
    address, envoy = f"{plane.address}:{control_plane.MONITORING}", str(mesh.admin("front-v1").address)
    await eventually(lambda: is_synced(address), within=10)
    lines = (await good("proxy-status", "--address", address)).splitlines()
    assert lines[0].split() == ["NAME", "CLUSTER", "ISTIOD", "VERSION", "SUBSCRIBED", "TYPES"]
    assert any(line.startswith(FRONT) and "4 (CDS,LDS,EDS,RDS" in line for line in lines[1:]), lines
    assert len(lines) == 1 + len(mesh.agents)
    secret = directory / "token"
    secret.write_text(token(mesh, "istio-system"))
    over_xds = await good(
        *("proxy-status", "--xds-address", f"{plane.address}:{control_plane.SECURE}"),
        *("--root-cert", str(plane.root), "--token", str(secret), "-o", "json"),
    )
    told = {each["name"]: each for each in json.loads(over_xds)}
    assert {state["status"] for state in told[FRONT]["types"].values()} == {"SYNCED"}
    match = await good("proxy-status", FRONT, "--address", address, "--envoy", envoy)
    assert match.splitlines() == ["Clusters Match", "Listeners Match", "Routes Match"]
    back = "back.shop.svc.cluster.local"
    for source in (("--envoy", envoy), (FRONT, "--address", address)):
        assert back in await good("proxy-config", "clusters", *source)
        assert "Route: " in await good("proxy-config", "listeners", *source)
        assert "back." in await good("proxy-config", "routes", *source)
        assert "HEALTHY" in await good("proxy-config", "endpoints", *source)
    secrets = await good("proxy-config", "secrets", "--envoy", envoy)
    assert "Cert Chain" in secrets
    assert "true" in secrets
    assert "Envoy Version: 1." in await good("proxy-config", "bootstrap", "--envoy", envoy, "-o", "short")
    await good("proxy-config", "log", "--envoy", envoy, "--level", "upstream:debug")
    levels = json.loads(await good("proxy-config", "log", "--envoy", envoy, "-o", "json"))
    assert levels["upstream"] == "debug"
    assert f"data plane version: 1.29.1 ({len(mesh.agents)} proxies)" in await good("version", "--address", address)
    dump = json.loads(await good("xds", "dump", FRONT, "--xds-address", plane.grpc))
    assert any(each["name"].endswith(back) for each in dump["CDS"])


async def look_as_istioctl(mesh: Mesh) -> None:
    """proxy-status, with a pod too, and internal-debug: one stream, one request, one answer."""
    plane = mesh.control_plane
    place = xds_client.Place(f"{plane.address}:{control_plane.SECURE}", plane.root, token(mesh, "istio-system"))
    node = xds_client.tool_node("istio-system")

    async def ask(type_url: str, *names: str) -> Any:
        return await asyncio.to_thread(xds_client.ask, place, node, type_url, names)

    answer = await ask("istio.io/debug/syncz")
    identifier = json.loads(answer.control_plane.identifier)
    assert identifier["Component"] == "istiod"
    assert identifier["Info"]["version"] == "1.29.1"
    proxies = [csds_pb2.ClientConfig.FromString(each.value) for each in answer.resources]
    assert {each.node.id for each in proxies} >= {FRONT}
    assert len(proxies) == len(mesh.agents)  # the tool is none
    sections = await ask("istio.io/debug/config_dump", FRONT)
    clusters = config_dump_shared_pb2.ClustersConfigDump.FromString(sections.resources[1].value)
    assert len(clusters.dynamic_active_clusters) > 3
    (page,) = (await ask("istio.io/debug", f"edsz?proxyID={FRONT}")).resources
    assert json.loads(page.value)["configs"]
    assert not (await ask("istio.io/debug/config_dump", "nobody")).resources


async def look_as_kiali(mesh: Mesh) -> None:
    """Over HTTP, from this machine without credentials."""
    plane = mesh.control_plane
    status, text = await plane.get(control_plane.MONITORING, "/debug/syncz")
    assert status == 200
    assert {each["proxy"] for each in json.loads(text)} >= {FRONT}
    assert (await plane.get(control_plane.MONITORING, "/version"))[1].startswith("1.29.1-")
    for page in ("registryz", "endpointz", "configz", "adsz", "mesh"):
        assert json.loads((await plane.get(control_plane.HTTP, f"/debug/{page}"))[1])
    _, metrics = await plane.get(control_plane.MONITORING, "/metrics")
    for name in ('pilot_xds{version="1.29.1"}', "pilot_services", "citadel_server_root_cert_expiry_timestamp",
                 'grpc_server_handled_total{grpc_code="OK",grpc_method="CreateCertificate"'):  # fmt: skip
        assert name in metrics
    async with aiohttp.ClientSession(trust_env=False) as session:
        url = f"http://{plane.address}:{control_plane.HTTP}/debug/config_dump?proxyID=nobody"
        async with session.get(url) as answer:
            assert answer.status == 404
            assert (await answer.text()).startswith("Proxy not connected to this Pilot instance.")


async def look_as_bug_report(mesh: Mesh) -> None:
    """What istioctl gathers from each control plane: `pilot-discovery request GET` of every page, and the figures."""
    plane = mesh.control_plane
    for page in BUG_REPORT:
        status, text = await plane.get(control_plane.MONITORING, f"/debug/{page}")
        assert status == 200, (page, text)
        json.loads(text)
    status, text = await plane.get(control_plane.MONITORING, "/debug/clusterz")
    assert (status, "multicluster is not enabled" in text) == (400, True)
    listed = json.loads((await plane.get(control_plane.MONITORING, "/debug/list"))[1])
    assert set(BUG_REPORT) - set(listed) == set()


async def look_as_grafana(mesh: Mesh) -> None:
    """The figures of the control-plane dashboard that move in such a mesh, with the labels it groups them by."""
    _, text = await mesh.control_plane.get(control_plane.MONITORING, "/metrics")
    series = {
        (name, tuple(sorted(re.findall(r'(\w+)="', labels or ""))))
        for name, labels in re.findall(r"^(\w+)(?:{(.*)})? \S+$", text, re.MULTILINE)
    }
    assert set(PANELS) - series == set()
    pushes = dict(re.findall(r'^pilot_xds_pushes{type="(\w+)"} (\S+)$', text, re.MULTILINE))
    assert {"cds", "eds", "lds", "rds"} <= pushes.keys()
    assert min(map(float, pushes.values())) >= 1


BUG_REPORT = (
    *("adsz", "ambientz", "authorizationz", "cachez", "configz", "endpointShardz", "endpointz", "inject"),
    *(
        "instancesz",
        "krtz",
        "mcsz",
        "mesh",
        "networkz",
        "push_status",
        "registryz",
        "resourcesz",
        "syncz",
        "telemetryz",
    ),
)
PANELS = (
    ("istio_build", ("component", "tag")),
    ("pilot_info", ("version",)),
    ("pilot_xds", ("version",)),
    ("pilot_xds_pushes", ("type",)),
    ("pilot_xds_push_time_bucket", ("le", "type")),
    ("pilot_xds_config_size_bytes_bucket", ("le", "type")),
    ("pilot_proxy_convergence_time_bucket", ("le",)),
    ("pilot_services", ()),
    ("pilot_virt_services", ()),
    ("pilot_conflict_inbound_listener", ()),
    ("pilot_conflict_outbound_listener_tcp_over_current_tcp", ()),
    ("citadel_server_csr_count", ()),
    ("citadel_server_success_cert_issuance_count", ()),
    ("process_cpu_seconds_total", ()),
    ("process_resident_memory_bytes", ()),
    ("process_virtual_memory_bytes", ()),
    ("process_open_fds", ()),
)


async def test_a_mesh_can_be_looked_into(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as mesh:
        await look_by_commands(mesh, tmp_path)
        await look_as_istioctl(mesh)
        await look_as_kiali(mesh)
        await look_as_bug_report(mesh)
        await look_as_grafana(mesh)
