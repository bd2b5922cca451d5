"""How a change of root is carried out: what it waits for, what it survives, what it refuses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ca import self_signed
from ca.bundle import encode_certificate
from ca.errors import RolloverError, StateError
from ca.rollover import conductor as module
from ca.rollover.conductor import Conductor
from ca.rollover.stages import Action
from ca.root_rotation import RootRotation
from ca.self_signed import DirectoryRootStore
from ca.state_directory import StateDirectory
from tests.ca.makers import NOON, make_root, rsa_key, until
from tests.ca.rollover.conducting import WEB, Podium


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICK", timedelta(milliseconds=5))
    monkeypatch.setattr(module, "SETTLE", timedelta(milliseconds=10))


@asynccontextmanager
async def serving(conductor: Conductor) -> AsyncIterator[None]:
    task = asyncio.create_task(conductor.serve())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def stands(podium: Podium, stage: str) -> None:
    await until(lambda: podium.conductor.status().stage == stage)


async def test_each_stage_waits_until_nobody_lags(tmp_path: Path) -> None:
    podium = Podium(tmp_path)
    old = podium.authority.bundle
    podium.holds()
    await podium.conductor.begin()
    async with serving(podium.conductor):
        assert podium.conductor.status().lagging == 1
        assert podium.authority.bundle.certificate == old.certificate
        podium.holds()  # it renews by itself, and gets both roots
        await stands(podium, "renewing")
        assert podium.authority.bundle.certificate != old.certificate
        (lag,) = podium.conductor.status().laggards
        assert (lag.who, lag.why) == (str(WEB), "has a certificate of the old root")
        podium.holds()
        await stands(podium, "dropping")
        podium.holds()
        await stands(podium, "finished")
    new = podium.authority.bundle
    assert new.root_certificates == (new.certificate,)
    assert (tmp_path / "root-cert.pem").read_text() == new.roots
    assert podium.conductor.status().leaving == ""


async def test_lag_that_comes_back_is_waited_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLE", timedelta(hours=1))
    podium = Podium(tmp_path)
    await podium.conductor.begin()
    async with serving(podium.conductor):
        await until(lambda: podium.conductor._quiet_since is not None)
        podium.holds(of_present_root=False)
        await until(lambda: podium.conductor._quiet_since is None)
    assert podium.conductor.status().stage == "adding"


async def test_paused_change_stays_where_it_is_and_goes_on_after_it(tmp_path: Path) -> None:
    podium = Podium(tmp_path)
    await podium.conductor.begin(is_stepwise=True)
    await podium.conductor.act(Action.PAUSE)
    async with serving(podium.conductor):
        await asyncio.sleep(0.05)
        assert podium.conductor.status().stage == "adding"
        for stage in ("renewing", "dropping", "finished"):
            await podium.conductor.act(Action.RESUME)
            await stands(podium, stage)


@pytest.mark.parametrize("stages", range(4))
async def test_next_life_goes_on_where_the_last_one_died(tmp_path: Path, stages: int) -> None:
    podium = Podium(tmp_path)
    await podium.conductor.begin()
    for _ in range(stages):
        await podium.conductor.act(Action.ADVANCE)
    again = Podium(tmp_path)
    before, after = podium.conductor.status(), again.conductor.status()
    assert after == before
    assert again.authority.bundle.roots == podium.authority.bundle.roots


async def test_new_root_has_the_old_name_and_the_kind_of_key_that_is_wanted(tmp_path: Path) -> None:
    podium = Podium(tmp_path)
    old = podium.authority.bundle.certificate
    for is_ec, kind in ((None, rsa.RSAPublicKey), (True, ec.EllipticCurvePublicKey), (False, rsa.RSAPublicKey)):
        await podium.conductor.begin(is_ec=is_ec)
        for _ in range(3):
            await podium.conductor.act(Action.ADVANCE)
        new = podium.authority.bundle.certificate
        assert new.subject == old.subject
        assert isinstance(new.public_key(), kind)


async def test_change_that_cannot_be_written_down_does_not_happen(tmp_path: Path) -> None:
    class Full(StateDirectory):
        is_full = False

        def write(self, name: str, content: bytes, mode: int = 0o600) -> None:
            if self.is_full:
                raise StateError(f"{name}: cannot be written: No space left on device")
            super().write(name, content, mode)

    state = Full(tmp_path)
    podium = Podium(tmp_path, state)
    before = podium.authority.bundle
    state.is_full = True
    with pytest.raises(StateError, match="No space left"):
        await podium.conductor.begin()
    assert podium.authority.bundle is before
    assert podium.conductor.status().stage == "none"
    state.is_full = False
    await podium.conductor.begin()
    state.is_full = True
    with pytest.raises(StateError, match="No space left"):
        await podium.conductor.act(Action.ADVANCE)
    assert podium.conductor.status().stage == "adding"
    assert Podium(tmp_path).authority.bundle.roots == podium.authority.bundle.roots


async def test_files_that_could_not_follow_follow_later(tmp_path: Path) -> None:
    class Half(StateDirectory):
        is_full = True

        def write(self, name: str, content: bytes, mode: int = 0o600) -> None:
            if self.is_full and name == "root-cert.pem" and (self.path / name).exists():
                raise StateError(f"{name}: cannot be written: No space left on device")
            super().write(name, content, mode)

    state = Half(tmp_path)
    podium = Podium(tmp_path, state)
    await podium.conductor.begin()
    async with serving(podium.conductor):
        await asyncio.sleep(0.05)
        assert podium.conductor.status().stage == "adding"  # clients could not learn of the new root
        state.is_full = False
        await stands(podium, "finished")
    assert (tmp_path / "root-cert.pem").read_text() == podium.authority.bundle.roots


async def test_only_one_change_at_a_time(tmp_path: Path) -> None:
    podium = Podium(tmp_path)
    await podium.conductor.begin()
    with pytest.raises(RolloverError, match="already"):
        await podium.conductor.begin()
    with pytest.raises(RolloverError, match="still needed"):
        await podium.conductor.forget()


async def test_there_is_nothing_to_act_on_before_the_first_change(tmp_path: Path) -> None:
    with pytest.raises(RolloverError, match="never been changed"):
        await Podium(tmp_path).conductor.act(Action.PAUSE)


async def test_forgotten_change_cannot_be_rolled_back(tmp_path: Path) -> None:
    podium = Podium(tmp_path)
    await podium.conductor.begin()
    for _ in range(3):
        await podium.conductor.act(Action.ADVANCE)
    await podium.conductor.forget()
    assert not (tmp_path / "ca-rollover.json").exists()
    with pytest.raises(RolloverError):
        await podium.conductor.act(Action.ROLL_BACK)
    assert Podium(tmp_path).authority.bundle.roots == podium.authority.bundle.roots


async def test_root_that_was_renewed_since_is_not_rolled_back(tmp_path: Path) -> None:
    podium = Podium(tmp_path)
    await podium.conductor.begin()
    for _ in range(3):
        await podium.conductor.act(Action.ADVANCE)
    podium.authority.replace(make_root(rsa_key(3)))
    with pytest.raises(RolloverError, match="renewed since"):
        await podium.conductor.act(Action.ROLL_BACK)


async def test_second_control_plane_follows_the_first_and_does_not_conduct(tmp_path: Path) -> None:
    first, second = Podium(tmp_path), Podium(tmp_path)
    async with serving(first.conductor):
        await first.conductor.begin(is_stepwise=True)
        async with serving(second.conductor):
            await stands(first, "renewing")
            await until(lambda: second.authority.bundle.roots == first.authority.bundle.roots)
            assert second.authority.bundle.certificate == first.authority.bundle.certificate
            with pytest.raises(RolloverError, match="another control plane"):
                await second.conductor.act(Action.ADVANCE)


async def test_root_is_not_renewed_while_it_is_being_changed(tmp_path: Path) -> None:
    podium = Podium(tmp_path)
    await podium.conductor.begin()
    podium.now = NOON + timedelta(days=3600)  # it would be due
    roots = DirectoryRootStore(podium.state, podium.clock)
    rotation = RootRotation(podium.authority, roots, is_held=lambda: podium.conductor.is_busy)
    assert not await rotation.check()
    while podium.conductor.is_busy:
        await podium.conductor.act(Action.ADVANCE)
    podium.now = podium.authority.bundle.certificate.not_valid_after_utc - timedelta(days=1)
    assert await rotation.check()
    assert (
        encode_certificate(podium.authority.bundle.certificate) == (tmp_path / self_signed.CA_CERTIFICATE).read_text()
    )


async def test_status_names_only_so_many(tmp_path: Path) -> None:
    podium = Podium(tmp_path)
    podium.holds()
    await podium.conductor.begin()
    found = podium.conductor.status(most=0)
    assert (found.lagging, found.laggards, found.holders) == (1, (), 1)
    assert found.latest_expiry == NOON + timedelta(hours=24)
