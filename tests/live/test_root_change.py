"""The root of a mesh is changed under load between real Envoys; the control plane is killed at each stage."""

import asyncio
import sys
from pathlib import Path

import pytest
from cryptography import x509

from ca.errors import StateError
from ca.rollover import control
from ca.rollover.conductor import Status
from ca.rollover.control import Wish
from ca.rollover.stages import Action
from tests.envoys import newest_envoy
from tests.live.mesh import Mesh, playing
from tests.pilot.agent.eventually import eventually

pytestmark = pytest.mark.timeout(150)

STAGE = 30.0
"""Seconds that a stage may take: a restart, reconnects, new certificates, two seconds of quiet."""


async def ask(mesh: Mesh, do: str = "status", *, is_stepwise: bool = False, is_ec: bool | None = None) -> Status:
    return await control.ask(mesh.control_plane.state, Wish(do=do, is_stepwise=is_stepwise, is_ec=is_ec))


async def reaches(mesh: Mesh, stage: str) -> None:
    """Waits until the change of root stands there."""

    async def stands() -> bool:
        try:
            found = await ask(mesh)
        except StateError:  # it is starting
            return False
        return found.stage == stage

    await eventually(stands, within=STAGE)


async def nobody_lags(mesh: Mesh) -> None:
    async def is_so() -> bool:
        found = await ask(mesh)
        return found.lagging == 0 and found.following == len(mesh.agents)

    await eventually(is_so, within=STAGE)


def roots_in_use(mesh: Mesh) -> set[frozenset[int]]:
    """Serial numbers of the roots that each agent gives its Envoy."""
    return {frozenset(each.serial_number for each in agent.identity.roots()) for agent in mesh.agents.values()}


def serials(*pems: str) -> frozenset[int]:
    return frozenset(x509.load_pem_x509_certificate(each.encode()).serial_number for each in pems)


async def test_root_is_changed_without_a_failed_request_though_the_control_plane_dies_at_each_stage(
    tmp_path: Path,
) -> None:
    async with playing(tmp_path, newest_envoy()) as mesh, mesh.load() as load:
        await nobody_lags(mesh)
        old = (await ask(mesh)).signing
        began = await ask(mesh, "begin", is_stepwise=True, is_ec=True)
        assert (began.stage, began.is_paused, began.signing) == ("adding", False, old)
        await ask(mesh, "pause")
        (new,) = set(began.trusted) - {old}
        for stage, following, signing, trusted in (
            ("adding", "renewing", old, {old, new}),
            ("renewing", "dropping", new, {old, new}),
            ("dropping", "finished", new, {new}),
        ):
            found = await ask(mesh)
            assert (found.stage, found.signing, set(found.trusted)) == (stage, signing, trusted)
            await mesh.control_plane.kill()
            await load.more(20)
            await mesh.control_plane.start()
            await eventually(mesh.are_connected, within=STAGE)
            await nobody_lags(mesh)
            assert (await ask(mesh)).stage == stage  # it is paused
            await load.more(20)
            await ask(mesh, "resume")
            await reaches(mesh, following)
            if following != "finished":
                await ask(mesh, "pause")
        assert roots_in_use(mesh) == {serials(new)}
        root = x509.load_pem_x509_certificate(new.encode())
        for agent in mesh.agents.values():
            assert agent.identity.certificate is not None
            agent.identity.certificate.chain[0].verify_directly_issued_by(root)
        await load.more(50)
        assert load.failures == []
        assert await mesh.rejected() == dict.fromkeys(mesh.agents, 0)
        await mesh.control_plane.kill()
        await mesh.control_plane.start()
        assert (await ask(mesh)).signing == new


async def test_command_changes_the_root_and_takes_the_change_back_under_load(tmp_path: Path) -> None:
    async def command(*arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pilot.cli.main", "ca", *arguments, "--state-dir", str(mesh.control_plane.state)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, output.decode()
        return output.decode()

    async with playing(tmp_path, newest_envoy()) as mesh, mesh.load() as load:
        old = (await ask(mesh)).signing
        assert "Nothing has been done." in await command("rotate", "--dry-run")
        assert (await ask(mesh)).stage == "none"
        said = await command("rotate")
        assert said.index("adding") < said.index("renewing") < said.index("dropping") < said.index("finished")
        new = (await ask(mesh)).signing
        assert roots_in_use(mesh) == {serials(new)} != {serials(old)}
        assert "finished" in await command("status")
        await load.more(20)
        await command("rotate", Action.ROLL_BACK.value.replace("roll-back", "--rollback"))
        found = await ask(mesh)
        assert (found.stage, found.signing, found.trusted) == ("finished", old, (old,))
        assert roots_in_use(mesh) == {serials(old)}
        await load.more(20)
        assert load.failures == []
