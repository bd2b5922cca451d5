"""Which CA is chosen, and what it remembers over a restart."""

from pathlib import Path

import pytest

from ca.bundle import encode_certificate
from ca.errors import BundleError
from ca.rollover import stages
from ca.rollover.store import DirectoryRolloverStore
from ca.spiffe import TrustDomain
from ca.state_directory import StateDirectory
from pilot import settings, signing
from pilot.settings import Settings
from tests.ca.makers import ec_key, make_root, plug_in

MESH = TrustDomain("mesh.example")


def loaded(state: Path, **environ: str) -> Settings:
    return settings.load({"config_dir": state, "state_dir": state}, {"ROOT_CA_DIR": str(state / "none"), **environ})


async def test_own_root_is_named_after_the_mesh_and_is_the_same_in_the_next_life(tmp_path: Path) -> None:
    first = await signing.choose(loaded(tmp_path), MESH)
    second = await signing.choose(loaded(tmp_path), MESH)
    assert first.authority.bundle.certificate.subject.rfc4514_string() == "O=mesh.example"
    assert first.authority.bundle.roots == second.authority.bundle.roots
    assert second.ledger.unknown_until is None  # counting began with the root


async def test_change_of_root_that_died_midway_goes_on(tmp_path: Path) -> None:
    first = await signing.choose(loaded(tmp_path), MESH)
    authority = first.authority
    change = stages.begin(authority.bundle, make_root(ec_key(8), authority.clock()), now=authority.clock())
    DirectoryRolloverStore(StateDirectory(tmp_path)).save(change)  # and dies
    second = await signing.choose(loaded(tmp_path), MESH)
    assert second.rollover == change
    assert second.authority.bundle.roots == "".join(change.trusted)
    assert encode_certificate(second.authority.bundle.certificate) == change.old.certificate


async def test_plugged_in_ca_comes_first_and_its_root_is_its_operators_to_change(tmp_path: Path) -> None:
    (tmp_path / "cacerts").mkdir()
    plug_in(tmp_path / "cacerts", now=(await signing.choose(loaded(tmp_path / "x"), MESH)).authority.clock())
    found = await signing.choose(loaded(tmp_path, ROOT_CA_DIR=str(tmp_path / "cacerts")), MESH)
    assert found.state is None
    assert not (tmp_path / "ca-key.pem").exists()


async def test_incomplete_plugged_in_ca_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "cacerts").mkdir()
    (tmp_path / "cacerts" / "ca-key.pem").write_text("x")
    with pytest.raises(BundleError, match="incomplete CA"):
        await signing.choose(loaded(tmp_path, ROOT_CA_DIR=str(tmp_path / "cacerts")), MESH)
