"""Hot reload of a plugged-in CA: what is taken over, what is refused, and that the directory is really watched."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ca import plugged_in
from ca.authority import Authority
from ca.errors import BundleError
from ca.reload import PluggedInReload, check_roots, is_same
from tests.ca.makers import NOON, ec_key, make_intermediate, make_revocations, make_root, plug_in, until


def loaded(directory: Path) -> Authority:
    return Authority(plugged_in.load(directory, now=NOON), clock=lambda: NOON + timedelta(hours=1))


async def test_new_intermediate_under_the_same_root_is_taken_over(tmp_path: Path) -> None:
    root = plug_in(tmp_path)
    authority = loaded(tmp_path)
    before = authority.bundle
    plug_in(tmp_path, root=root, key=ec_key(7))
    assert await PluggedInReload(authority, tmp_path).reload()
    assert authority.bundle.key.reveal().public_key() == ec_key(7).public_key()
    assert authority.bundle.certificate != before.certificate


async def test_unchanged_files_change_nothing(tmp_path: Path) -> None:
    plug_in(tmp_path)
    authority = loaded(tmp_path)
    before = authority.bundle
    assert not await PluggedInReload(authority, tmp_path).reload()
    assert authority.bundle is before


@pytest.mark.parametrize("is_multi_root", [False, True])
async def test_other_root_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture, is_multi_root: bool) -> None:
    plug_in(tmp_path)
    authority = loaded(tmp_path)
    before = authority.bundle
    plug_in(tmp_path, root=make_root(ec_key(9), name="other"))
    assert not await PluggedInReload(authority, tmp_path, is_multi_root=is_multi_root).reload()
    assert authority.bundle is before
    assert [each.levelno for each in caplog.records] == [logging.ERROR]


async def test_root_may_be_added_and_removed_where_several_are_allowed(tmp_path: Path) -> None:
    root = plug_in(tmp_path)
    authority = loaded(tmp_path)
    both = root.roots + make_root(ec_key(9), name="other").roots
    (tmp_path / "root-cert.pem").write_text(both)
    assert not await PluggedInReload(authority, tmp_path).reload()
    assert await PluggedInReload(authority, tmp_path, is_multi_root=True).reload()
    assert authority.bundle.roots == both
    (tmp_path / "root-cert.pem").write_text(root.roots)
    assert await PluggedInReload(authority, tmp_path, is_multi_root=True).reload()
    assert authority.bundle.roots == root.roots


async def test_broken_files_leave_everything_as_it_was(tmp_path: Path) -> None:
    plug_in(tmp_path)
    authority = loaded(tmp_path)
    before = authority.bundle
    (tmp_path / "ca-cert.pem").write_text("half a cert")
    assert not await PluggedInReload(authority, tmp_path).reload()
    (tmp_path / "ca-cert.pem").unlink()
    assert not await PluggedInReload(authority, tmp_path).reload()
    assert authority.bundle is before


async def test_new_revocation_list_is_taken_over(tmp_path: Path) -> None:
    root = plug_in(tmp_path)
    authority = loaded(tmp_path)
    text = make_revocations(root.certificate, ec_key()) + make_revocations(authority.bundle.certificate, ec_key(1))
    (tmp_path / "ca-crl.pem").write_text(text)
    assert await PluggedInReload(authority, tmp_path).reload()
    assert authority.bundle.revocations == text


async def test_directory_is_watched(tmp_path: Path) -> None:
    root = plug_in(tmp_path)
    authority = loaded(tmp_path)
    task = asyncio.create_task(PluggedInReload(authority, tmp_path).serve_reload())

    def changed() -> bool:
        # Again and again: nothing tells when the watch has begun.
        (tmp_path / "touched").write_text("")
        return authority.bundle.key.reveal().public_key() == ec_key(7).public_key()

    plug_in(tmp_path, root=root, key=ec_key(7))
    await until(changed)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_each_change_is_one_look(tmp_path: Path) -> None:
    root = plug_in(tmp_path)
    authority = loaded(tmp_path)

    async def once(_: Path) -> AsyncIterator[object]:
        plug_in(tmp_path, root=root, key=ec_key(7))
        yield object()

    await PluggedInReload(authority, tmp_path).serve_reload(once)
    assert authority.bundle.key.reveal().public_key() == ec_key(7).public_key()


def test_roots_that_only_begin_alike_are_other_roots() -> None:
    with pytest.raises(BundleError, match="got other ones"):
        check_roots("A\nB\n", "A\nC\n", is_multi_root=True)
    check_roots("A\nB\n", "A\nB\nC\n", is_multi_root=True)
    check_roots("A\nB\n", "B\n", is_multi_root=True)


def test_bundles_differ_by_each_of_their_parts() -> None:
    root = make_root(ec_key())
    assert is_same(root, replace(root))
    assert not is_same(root, replace(root, chain=("x",)))
    assert not is_same(root, replace(root, roots="x"))
    assert not is_same(root, replace(root, revocations="x"))
    assert not is_same(root, replace(root, certificate=make_intermediate(root, ec_key(2))))
