"""Traffic through a gateway and two sidecars, and what becomes of it when the configuration changes."""

from datetime import timedelta
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from pilot.agent.options import Protocol
from tests.live import shop
from tests.live.mesh import Load, playing
from tests.pilot.agent.eventually import eventually

pytestmark = pytest.mark.timeout(90)

LIVE_WITHIN = 5.0
"""Seconds until an edit is live: one is promised, and this machine may be busy."""

each_protocol = pytest.mark.parametrize("protocol", list(Protocol), ids=[each.value for each in Protocol])


def certificate_of(name: str, shown: str) -> bool:
    """Whether a forwarded certificate is that of a proxy, alone, and was shown to `back` or `front` by it."""
    fields = dict(each.partition("=")[::2] for each in shown.split(";"))
    return fields.get("URI") == shop.identity(name) and len(fields.get("Hash", "")) == 64 and "," not in shown


async def test_each_hop_is_authenticated_and_plaintext_past_the_gateway_is_refused(
    tmp_path: Path, any_envoy: Path
) -> None:
    async with playing(tmp_path, any_envoy) as mesh:
        answer = await mesh.ask_once()
        assert answer.version == "v1"
        assert certificate_of("gateway", answer.callers["front"])
        assert certificate_of("front-v1", answer.callers["back"])
        assert answer.callers["back"].startswith(f"By={shop.identity('back-v1')};")
        for name in shop.WORKLOADS:
            async with aiohttp.ClientSession(trust_env=False) as session:
                with pytest.raises(aiohttp.ClientConnectionError):
                    await session.get(f"http://{mesh.network.address(shop.NUMBERS[name])}:{shop.PORT}/")
        assert await mesh.rejected() == dict.fromkeys(shop.NUMBERS, 0)


@each_protocol
async def test_an_edited_weight_moves_traffic_without_a_failed_request(
    tmp_path: Path, any_envoy: Path, protocol: Protocol
) -> None:
    async with playing(tmp_path, any_envoy, protocol=protocol) as mesh, mesh.load() as load:
        for v1, v2, wanted in ((0, 100, {"v2"}), (100, 0, {"v1"}), (50, 50, {"v1", "v2"})):
            mesh.write("back.yaml", shop.back(v1, v2))
            await eventually(partial(served, load, wanted), within=LIVE_WITHIN)
        await load.more(100)
        recent = [answer.version for answer in load.answers[-100:]]
        assert 20 < recent.count("v2") < 80
        assert load.failures == []
        assert await mesh.rejected() == dict.fromkeys(shop.NUMBERS, 0)


def served(load: Load, wanted: set[str]) -> bool:
    """Whether the last answers came from these versions, all of them and no other."""
    return {answer.version for answer in load.answers[-20:]} == wanted


@each_protocol
async def test_a_removed_endpoint_is_gone_at_the_envoy_and_a_new_one_gets_traffic(
    tmp_path: Path, any_envoy: Path, protocol: Protocol
) -> None:
    async with playing(tmp_path, any_envoy, protocol=protocol) as mesh, mesh.load() as load:
        cluster = "outbound|9080||back.shop.svc.cluster.local"
        places = {version: f"{mesh.network.address(shop.NUMBERS[f'back-{version}'])}:9080" for version in ("v1", "v2")}

        async def knows(*versions: str) -> bool:
            return await mesh.endpoints("front-v1", cluster) == {places[each] for each in versions}

        await eventually(lambda: knows("v1", "v2"))
        pod = (mesh.control_plane.manifests / "pod-back-v2.yaml").read_text()
        mesh.remove("pod-back-v2.yaml")
        await eventually(lambda: knows("v1"), within=LIVE_WITHIN)
        mesh.write("pod-back-v2.yaml", pod)
        await eventually(lambda: knows("v1", "v2"), within=LIVE_WITHIN)
        mesh.write("back.yaml", shop.back(0, 100))
        await eventually(lambda: served(load, {"v2"}), within=LIVE_WITHIN)
        assert load.failures == []
        assert await mesh.rejected() == dict.fromkeys(shop.NUMBERS, 0)


async def test_certificates_are_renewed_under_load_without_a_failed_request(tmp_path: Path, any_envoy: Path) -> None:
    """Every request makes two new connections, so that each new certificate is shown at once."""
    async with playing(tmp_path, any_envoy, lifetime=timedelta(seconds=6)) as mesh, mesh.load() as load:
        await eventually(lambda: min(len(load.callers(service)) for service in ("front", "back")) >= 3, within=30)
        await load.more(50)
        assert load.failures == []
        for service, caller in (("front", "gateway"), ("back", "front-v1")):
            assert all(certificate_of(caller, shown) for shown in load.callers(service))
