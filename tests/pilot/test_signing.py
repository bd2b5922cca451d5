"""Which CA is chosen, and what it remembers over a restart."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ca.authn.local_issuer import utc_now
from ca.authority import Authority
from ca.bundle import encode_certificate
from ca.errors import BundleError, RolloverError
from ca.rollover import stages
from ca.rollover.control import SOCKET, Wish, ask
from ca.rollover.holders import Holder, Holding
from ca.rollover.ledger import Ledger
from ca.rollover.store import DirectoryRolloverStore
from ca.spiffe import TrustDomain
from ca.state_directory import StateDirectory
from pilot import settings, signing
from pilot.settings import Settings
from pilot.signing import Signing
from tests.ca.makers import ec_key, make_root, plug_in, until
from tests.ca.rollover.cluster import Cluster
from tests.ca.rollover.conducting import Nobody

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


@pytest.mark.parametrize("kind", ["plugged in", "secret"])
async def test_root_that_is_not_ours_to_change_is_shown_and_refused_with_a_reason(tmp_path: Path, kind: str) -> None:
    authority = Authority(make_root(ec_key(), utc_now()))
    secret: Any = NoRotation() if kind == "secret" else None
    if kind == "plugged in":
        bundle = authority.bundle
        authority.replace(replace(bundle, chain=(bundle.roots,)))
    (tmp_path / "none").mkdir()
    found = Signing(loaded(tmp_path, CITADEL_SELF_SIGNED_ROOT_CERT_CHECK_INTERVAL="0s"), authority, Ledger(), secret)
    followers: Any = Nobody()
    tasks = [asyncio.create_task(each) for each in found.tasks(followers)]
    try:
        await until((tmp_path / SOCKET).exists)
        status = await ask(tmp_path, Wish(do="status"))
        assert (status.stage, status.signing) == ("none", authority.bundle.roots)
        with pytest.raises(RolloverError, match=r"operator|Secret"):
            await ask(tmp_path, Wish(do="begin"))
        assert not any(each.done() for each in tasks), tasks
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("report", [None, "unreadable"])
async def test_root_in_a_secret_signs_whatever_lies_beside_it(tmp_path: Path, report: str | None) -> None:
    cluster = Cluster()
    if report is not None:
        cluster.objects["/api/v1/namespaces/istio-system/configmaps/x"] = {"metadata": {"name": "x"}, "binaryData": {}}
    found = await signing.choose(loaded(tmp_path), MESH, cluster)
    assert found.authority.bundle.certificate.subject.rfc4514_string() == "O=mesh.example"
    assert (found.shared is None) == (report is not None)
    found.ledger.close()


class NoRotation:
    """A store that nobody asks."""


async def test_expired_certificates_are_forgotten_where_no_root_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "FORGET", 0.01)
    ledger = Ledger()
    ledger.put(Holder("a", "b"), Holding("c", (), 1))
    followers: Any = Nobody()
    found = Signing(loaded(tmp_path), Authority(make_root(ec_key(), utc_now())), ledger, None)
    tasks = [asyncio.create_task(each) for each in found._watching(followers, "")]
    try:
        await until(lambda: not ledger.holdings)
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
