"""A control plane that is killed under load and started again with the same state: nobody notices."""

from pathlib import Path

import pytest

from pilot.agent.options import Protocol
from pilot.type_urls import CLUSTER, ENDPOINT, LISTENER, ROUTE
from tests.live import shop
from tests.live.mesh import Mesh, playing
from tests.pilot.agent.eventually import eventually

pytestmark = pytest.mark.timeout(90)

TYPES = {"cds": CLUSTER, "eds": ENDPOINT, "lds": LISTENER, "rds": ROUTE}

RECONNECTED_WITHIN = 15.0
"""Seconds until every Envoy is back: they try at least every three."""

EMPTY = 120
"""Bytes; a delta response without a resource has fewer, one with a resource has more."""

each_protocol = pytest.mark.parametrize("protocol", list(Protocol), ids=[each.value for each in Protocol])


async def pushes(mesh: Mesh) -> dict[str, float]:
    """Responses of this life of the control plane, by type."""
    return await mesh.control_plane.figures("pilot_xds_pushes")


@each_protocol
async def test_a_killed_control_plane_comes_back_without_a_failed_request_and_sends_nothing_again(
    tmp_path: Path, any_envoy: Path, protocol: Protocol
) -> None:
    async with playing(tmp_path, any_envoy, protocol=protocol) as mesh, mesh.load() as load:
        held, counted = await mesh.held(), await mesh.stats("^cluster[.]outbound.*[.]update_success$")
        await mesh.control_plane.kill()
        await eventually(lambda: mesh.are_connected(False))
        await load.more(100)
        await mesh.control_plane.start()
        await eventually(mesh.are_connected, within=RECONNECTED_WITHIN)

        async def are_answered() -> bool:
            return await pushes(mesh) == dict.fromkeys(TYPES, len(mesh.agents))

        await eventually(are_answered)  # each Envoy asks once for each type, and is answered once
        await load.more(100)
        assert await are_answered()
        if protocol is Protocol.DELTA:  # it said what it has: no answer holds a resource
            sizes = await mesh.control_plane.figures("pilot_xds_config_size_bytes_sum")
            assert set(sizes) == set(TYPES.values())
            assert max(sizes.values()) < EMPTY * len(mesh.agents)
            assert await mesh.stats("^cluster[.]outbound.*[.]update_success$") == counted
        assert await mesh.held() == held  # with the times at which everything came

        mesh.write("back.yaml", shop.back(0, 100))
        await eventually(lambda: load.answers[-1].version == "v2")
        assert load.failures == []
        assert await mesh.rejected() == dict.fromkeys(shop.NUMBERS, 0)
