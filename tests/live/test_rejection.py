"""Configuration that we pass on and Envoy refuses: everybody learns why, and nobody else suffers."""

from functools import partial
from pathlib import Path

import pytest

from pilot.agent.options import Protocol
from tests.live import shop
from tests.live.mesh import Mesh, playing
from tests.pilot.agent.eventually import eventually

pytestmark = pytest.mark.timeout(90)

SIDE_DOOR = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: side-door, namespace: shop}}
spec:
  selector: {{istio: gateway}}
  servers:
  - port: {{number: 8081, name: http-side, protocol: HTTP}}
    bind: {address}
    hosts: ["*"]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: side-door, namespace: shop}}
spec:
  hosts: ["*"]
  gateways: [side-door]
  http:
  - route:
    - destination: {{host: front, port: {{number: 9080}}}}
"""
"""An address that the gateway's machine does not have: only Envoy finds out, when it listens."""

ELSEWHERE = "203.0.113.9"


async def rejects(mesh: Mesh) -> dict[str, float]:
    return await mesh.control_plane.figures("pilot_total_xds_rejects")


async def all_count_the_same(mesh: Mesh) -> bool:
    """Whether log, metric and Envoys agree on how much was refused."""
    counted, refused = await rejects(mesh), await mesh.rejected()
    logged = {"lds": len(mesh.control_plane.lines("ADS:LDS: ACK ERROR"))}
    return counted == logged and sum(refused.values()) == sum(counted.values())


async def has_listener(mesh: Mesh, address: str) -> bool:
    return f"{address}:8081" in await mesh.admin("gateway").get("/listeners")


@pytest.mark.parametrize("protocol", list(Protocol), ids=[each.value for each in Protocol])
async def test_a_refusal_is_logged_in_envoys_words_and_counted_and_the_rest_keeps_flowing(
    tmp_path: Path, any_envoy: Path, protocol: Protocol
) -> None:
    async with playing(tmp_path, any_envoy, protocol=protocol) as mesh, mesh.load() as load:
        assert await rejects(mesh) == {}
        mesh.write("side-door.yaml", SIDE_DOOR.format(address=ELSEWHERE))
        log = mesh.control_plane
        who, what = "\twarn\tads\tADS:LDS: ACK ERROR gateway.istio-system-", f" refused {ELSEWHERE}_8081: "
        await eventually(partial(log.lines, who, what, "bind"))
        await eventually(partial(all_count_the_same, mesh))

        mesh.write("back.yaml", shop.back(0, 100))
        await eventually(lambda: load.answers[-1].version == "v2")
        mesh.write("side-door.yaml", SIDE_DOOR.format(address=mesh.network.address(3)))
        await eventually(partial(has_listener, mesh, mesh.network.address(3)))
        assert not await has_listener(mesh, ELSEWHERE)
        assert load.failures == []
