"""Renewal of the self-signed root: when, with what, and what happens if the store fails."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from ca import self_signed
from ca.authority import Authority
from ca.bundle import Bundle
from ca.errors import BundleError, CaError, StateError
from ca.root_rotation import RootRotation, RotationPolicy, is_due, renew
from ca.state_directory import StateDirectory
from tests.ca.makers import MESH, NOON, YEARS, ec_key, make_intermediate, make_leaf, make_root, rsa_key, until

LATE = NOON + YEARS * 0.81


class Store:
    """In memory; may refuse."""

    def __init__(self, bundle: Bundle, refuses: type[CaError] | None = None) -> None:
        self.bundle = bundle
        self.refuses = refuses
        self.loads = 0

    async def load(self) -> Bundle:
        self.loads += 1
        return self.bundle

    async def save(self, renewed: Bundle) -> None:
        if self.refuses:
            raise self.refuses("no")
        self.bundle = renewed


@pytest.mark.parametrize(
    ("share", "due"), [(0.0, False), (0.79, False), (0.8, False), (0.801, True), (1.0, True), (1.5, True)]
)
def test_root_is_due_when_a_fifth_of_its_life_is_left(share: float, due: bool) -> None:
    assert is_due(make_root(ec_key()).certificate, 20, NOON + YEARS * share) is due


def test_renewed_root_has_the_old_key_and_name_and_verifies_old_leaves() -> None:
    old = make_root(rsa_key())
    leaf = make_leaf(old, ec_key(2).public_key())
    new = renew(old, YEARS, now=LATE, serial=12)
    assert new.certificate.subject == old.certificate.subject
    assert new.certificate.public_key() == old.certificate.public_key()
    assert (new.certificate.not_valid_before_utc, new.certificate.not_valid_after_utc) == (LATE, LATE + YEARS)
    assert new.issuer.key_identifier == old.issuer.key_identifier
    leaf.verify_directly_issued_by(new.certificate)


def test_other_roots_stay_in_the_bundle() -> None:
    old, other = make_root(ec_key()), make_root(ec_key(3), name="other")
    both = type(old)(old.certificate, old.key, (), old.roots + other.roots, old.issuer)
    new = renew(both, YEARS, now=LATE, serial=12)
    assert new.root_certificates == (new.certificate, other.certificate)


def test_intermediate_is_not_ours_to_renew() -> None:
    root = make_root(ec_key())
    plugged = type(root)(make_intermediate(root, ec_key(1)), root.key, (), root.roots, root.issuer)
    with pytest.raises(BundleError, match="self-signed"):
        renew(plugged, YEARS, now=LATE, serial=12)


async def test_due_root_is_renewed_in_store_and_authority() -> None:
    old = make_root(ec_key())
    authority, store = Authority(old, clock=lambda: LATE), Store(old)
    assert await RootRotation(authority, store).check()
    assert authority.bundle is store.bundle is not old
    assert not await RootRotation(authority, store).check()


async def test_root_that_another_replica_renewed_is_taken_over() -> None:
    old = make_root(ec_key())
    renewed = renew(old, YEARS, now=LATE, serial=12)
    authority = Authority(old, clock=lambda: LATE)
    assert await RootRotation(authority, Store(renewed)).check()
    assert authority.bundle is renewed


async def test_store_that_refuses_leaves_the_old_root_in_force() -> None:
    old = make_root(ec_key())
    authority = Authority(old, clock=lambda: LATE)
    with pytest.raises(StateError):
        await RootRotation(authority, Store(old, StateError)).check()
    assert authority.bundle is old


async def test_looks_repeat_and_survive_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    old = make_root(ec_key())
    authority, store = Authority(old, clock=lambda: LATE), Store(old, StateError)
    policy = RotationPolicy(interval=timedelta(milliseconds=5))
    task = asyncio.create_task(RootRotation(authority, store, policy, lambda: 0.5).serve_rotation())
    await until(lambda: store.loads > 2)
    store.refuses = None
    await until(lambda: authority.bundle is not old)
    task.cancel()
    assert "stays as it was" in caplog.text


async def test_first_look_waits_a_random_part_of_the_interval() -> None:
    old = make_root(ec_key())
    store = Store(old)
    asked: list[int] = []

    def jitter() -> float:
        asked.append(store.loads)
        return 0.0

    policy = RotationPolicy(interval=timedelta(hours=1))
    task = asyncio.create_task(RootRotation(Authority(old, clock=lambda: NOON), store, policy, jitter).serve_rotation())
    await until(lambda: store.loads == 1)
    task.cancel()
    assert asked == [0]


async def test_interval_of_zero_never_looks() -> None:
    store = Store(make_root(ec_key()))
    policy = RotationPolicy(interval=timedelta(0))
    task = asyncio.create_task(RootRotation(Authority(store.bundle), store, policy).serve_rotation())
    done, _ = await asyncio.wait([task], timeout=0.05)
    assert not done
    assert store.loads == 0
    task.cancel()


async def test_state_directory_keeps_the_renewed_root(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    old = self_signed.load_or_create(state, str(MESH), now=NOON, new_serial=lambda: 5)
    authority = Authority(old, clock=lambda: LATE)
    assert await RootRotation(authority, self_signed.DirectoryRootStore(state, lambda: LATE)).check()
    again = self_signed.load_or_create(state, str(MESH), now=LATE, new_serial=lambda: 6)
    assert again.certificate == authority.bundle.certificate != old.certificate
    assert again.roots == authority.bundle.roots
    assert again.key.reveal().private_numbers() == old.key.reveal().private_numbers()


async def test_crash_between_the_two_files_is_survived(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    old = self_signed.load_or_create(state, str(MESH), now=NOON, new_serial=lambda: 5)
    renewed = renew(old, YEARS, now=LATE, serial=12)
    state.write(self_signed.ROOT_CERTIFICATES, renewed.roots.encode())
    store = self_signed.DirectoryRootStore(state, lambda: LATE)
    found = await store.load()
    assert (found.certificate, found.roots) == (old.certificate, renewed.roots)
    assert await RootRotation(Authority(found, clock=lambda: LATE), store).check()


async def test_store_without_its_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="got not both"):
        await self_signed.DirectoryRootStore(StateDirectory(tmp_path), lambda: NOON).load()
