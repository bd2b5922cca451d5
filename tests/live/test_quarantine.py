"""What Envoys refuse is withheld from them, and named; everything else reaches them; a correction is enough."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from pilot.agent.options import Protocol
from tests import control_plane
from tests.live import shop
from tests.live.mesh import Mesh, playing
from tests.pilot.agent.eventually import eventually

pytestmark = pytest.mark.timeout(120)

PROTOCOLS = pytest.mark.parametrize("protocol", list(Protocol), ids=[each.value for each in Protocol])

SCRIPT = """\
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {{name: script, namespace: istio-system}}
spec:
  workloadSelector: {{labels: {{istio: gateway}}}}
  configPatches:
  - applyTo: HTTP_FILTER
    match:
      context: GATEWAY
      listener: {{filterChain: {{filter: {{name: envoy.filters.network.http_connection_manager}}}}}}
    patch:
      operation: INSERT_BEFORE
      value:
        name: script
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
          default_source_code: {{inline_string: '{code}'}}
"""
BAD, GOOD = "function envoy_on_response(", 'function envoy_on_response(h) h:headers():add("x-script", "here") end'

DOORS = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: doors, namespace: shop}}
spec:
  selector: {{istio: gateway}}
  servers:
  - {{port: {{number: 8081, name: http-1, protocol: HTTP}}, bind: {address}, hosts: ["*"]}}
  - {{port: {{number: 8082, name: http-2, protocol: HTTP}}, bind: {address}, hosts: ["*"]}}
  - {{port: {{number: 8083, name: http-3, protocol: HTTP}}, bind: {address}, hosts: ["*"]}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: doors, namespace: shop}}
spec:
  hosts: ["*"]
  gateways: [doors]
  http:
  - headers: {{response: {{set: {{x-turn: "{turn}"}}}}}}
    route:
    - destination: {{host: front, port: {{number: 9080}}}}
"""

FORMAT = """\
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {{name: format, namespace: istio-system}}
spec:
  workloadSelector: {{labels: {{istio: gateway}}}}
  configPatches:
  - applyTo: ROUTE_CONFIGURATION
    match: {{context: GATEWAY, routeConfiguration: {{name: http.8082.{address}}}}}
    patch:
      operation: MERGE
      value: {{response_headers_to_add: [{{header: {{key: x-second, value: "{value}"}}}}]}}
"""


TIMEOUT = """\
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: timeout, namespace: istio-system}
spec:
  workloadSelector: {labels: {istio: gateway}}
  configPatches:
  - applyTo: CLUSTER
    match: {context: GATEWAY, cluster: {service: back.shop.svc.cluster.local, subset: v1}}
    patch: {operation: MERGE, value: {connect_timeout: 0s}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: other, namespace: shop}
spec:
  hosts: [other.example]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.9}]
"""
"""Envoy's rules for messages forbid it: a response that has it is refused before anything of it is looked at."""


async def withheld(mesh: Mesh) -> dict[str, Any]:
    status, text = await mesh.control_plane.get(control_plane.HTTP, "/debug/quarantine")
    assert status == 200, text
    found: dict[str, Any] = json.loads(text)
    return found


async def names(mesh: Mesh) -> list[str]:
    return [each["name"] for each in (await withheld(mesh))["quarantined"]]


async def header(mesh: Mesh, port: int, name: str) -> str:
    """A header of an answer through the gateway."""
    url = f"http://{mesh.network.address(shop.NUMBERS['gateway'])}:{port}/"
    try:
        async with aiohttp.ClientSession(trust_env=False) as session, session.get(url) as response:
            return response.headers.get(name, "") if response.status == 200 else str(response.status)
    except aiohttp.ClientConnectionError as error:  # not there yet
        return str(error)


async def has(mesh: Mesh, port: int, name: str, value: str) -> bool:
    return await header(mesh, port, name) == value


@PROTOCOLS
async def test_a_bad_patch_is_withheld_while_a_route_change_passes_and_its_correction_takes_effect(
    tmp_path: Path, any_envoy: Path, protocol: Protocol
) -> None:
    async with playing(tmp_path, any_envoy, protocol=protocol) as mesh, mesh.load() as load:
        mesh.write("script.yaml", SCRIPT.format(code=BAD))
        mesh.write("back.yaml", shop.back(0, 100))
        await eventually(lambda: bool(load.answers) and load.answers[-1].version == "v2")
        await eventually(partial(names, mesh))
        (entry,) = (await withheld(mesh))["quarantined"]
        assert entry["type"] == "LDS"
        assert "EnvoyFilter istio-system/script" in entry["objects"]
        assert "script" in entry["reason"]
        assert entry["servedInstead"]
        problems = [each for each in await mesh.problems() if each["name"] == "script" and each["severity"] == "error"]
        assert len(problems) == 1
        assert "was refused by 1 proxy, its last good version stays" in problems[0]["message"]
        assert len(mesh.control_plane.lines("EnvoyFilter istio-system/script", "last good version stays")) == 1
        assert await mesh.control_plane.figures("meshpilot_quarantined_resources") == {"lds": 1.0}

        mesh.write("script.yaml", SCRIPT.format(code=GOOD))
        await eventually(partial(has, mesh, shop.HTTP, "x-script", "here"))
        assert await names(mesh) == []
        assert await mesh.control_plane.figures("meshpilot_quarantined_resources") == {"lds": 0.0}
        assert load.failures == []


@PROTOCOLS
async def test_what_an_envoy_refuses_without_naming_it_is_found_by_sending_it_in_parts(
    tmp_path: Path, any_envoy: Path, protocol: Protocol
) -> None:
    async with playing(tmp_path, any_envoy, protocol=protocol) as mesh:
        address = mesh.network.address(shop.NUMBERS["gateway"])
        mesh.write("doors.yaml", DOORS.format(address=address, turn="first"))
        for port in (8081, 8082, 8083):
            await eventually(partial(has, mesh, port, "x-turn", "first"))
        filter_ = FORMAT.format(address=address, value="%NO_SUCH(x)%")
        mesh.write("doors.yaml", DOORS.format(address=address, turn="second") + "---\n" + filter_)
        await eventually(partial(has, mesh, 8081, "x-turn", "second"))
        await eventually(partial(has, mesh, 8083, "x-turn", "second"))
        await eventually(partial(names, mesh))
        found = await withheld(mesh)
        assert [each["name"] for each in found["quarantined"]] == [f"http.8082.{address}"]
        assert found["searching"] == []
        assert f"http.8082.{address}" not in found["quarantined"][0]["reason"]
        assert await header(mesh, 8082, "x-turn") == "first"

        mesh.write("doors.yaml", DOORS.format(address=address, turn="third"))
        for port in (8081, 8082, 8083):
            await eventually(partial(has, mesh, port, "x-turn", "third"))
        assert await names(mesh) == []


@PROTOCOLS
async def test_a_restart_with_a_bad_patch_takes_nothing_away_and_who_comes_then_gets_the_rest(
    tmp_path: Path, any_envoy: Path, protocol: Protocol
) -> None:
    async with playing(tmp_path, any_envoy, protocol=protocol) as mesh, mesh.load() as load:
        mesh.write("script.yaml", SCRIPT.format(code=BAD))
        await eventually(partial(names, mesh))
        await mesh.control_plane.kill()
        await eventually(lambda: mesh.are_connected(False))
        await mesh.control_plane.start()
        await eventually(mesh.are_connected, within=15)
        await eventually(partial(names, mesh))
        mesh.write("back.yaml", shop.back(0, 100))
        await eventually(lambda: bool(load.answers) and load.answers[-1].version == "v2")
        mesh.write("script.yaml", SCRIPT.format(code=GOOD))
        await eventually(partial(has, mesh, shop.HTTP, "x-script", "here"))
        assert load.failures == []
        await eventually(partial(is_empty, mesh))


@PROTOCOLS
async def test_one_message_that_breaks_envoys_rules_does_not_cost_its_whole_response(
    tmp_path: Path, any_envoy: Path, protocol: Protocol
) -> None:
    async def has_other() -> bool:
        return "outbound|80||other.example::" in await mesh.admin("gateway").get("/clusters")

    async with playing(tmp_path, any_envoy, protocol=protocol) as mesh, mesh.load() as load:
        mesh.write("timeout.yaml", TIMEOUT)
        await eventually(has_other)
        await eventually(partial(names, mesh))
        (entry,) = (await withheld(mesh))["quarantined"]
        assert (entry["type"], entry["name"]) == ("CDS", "outbound|9080|v1|back.shop.svc.cluster.local")
        assert "EnvoyFilter istio-system/timeout" in entry["objects"]
        assert "onnect" in entry["reason"]
        status, text = await mesh.control_plane.get(control_plane.HTTP, "/debug/envoyfilterz?name=timeout")
        assert status == 200
        (patch,) = json.loads(text)[0]["patches"]
        assert patch["verdict"].startswith("rejected by 1 proxy: ")
        mesh.remove("timeout.yaml")
        await eventually(partial(is_empty, mesh))
        assert load.failures == []


async def is_empty(mesh: Mesh) -> bool:
    return await names(mesh) == []
