import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from ca import serving_files
from ca.authn.local_issuer import utc_now
from ca.bundle import encode_certificate, encode_private_key
from ca.errors import BundleError
from ca.serving_files import ServingFiles, ServingPaths, load, well_known
from tests.ca.makers import ec_key, make_leaf, make_root, until

ROOT = make_root(ec_key(), utc_now() - timedelta(hours=1))


def write(base: Path, number: int = 2, roots: str = "ca/root-cert.pem") -> None:
    for name in ("tls", "ca"):
        (base / name).mkdir(parents=True, exist_ok=True)
    leaf = make_leaf(ROOT, ec_key(number).public_key(), ("istiod.istio-system.svc",), utc_now())
    (base / "tls" / "tls.key").write_bytes(encode_private_key(ec_key(number)))
    (base / roots).write_text(ROOT.roots)
    (base / "tls" / "tls.crt").write_text(encode_certificate(leaf))


def paths(base: Path) -> ServingPaths:
    found = well_known(base)
    assert found is not None
    return found


@pytest.mark.parametrize("roots", ["ca/root-cert.pem", "tls/ca.crt"])
def test_mounted_files_are_found_and_read(tmp_path: Path, roots: str) -> None:
    write(tmp_path, roots=roots)
    found = load(paths(tmp_path))
    assert found.certificate.public_key() == ec_key(2).public_key()
    assert (found.chain, found.roots) == ((), ROOT.roots)


@pytest.mark.parametrize("missing", ["tls/tls.crt", "tls/tls.key", "ca/root-cert.pem"])
def test_incomplete_mounts_are_not_used(tmp_path: Path, missing: str) -> None:
    write(tmp_path)
    found = paths(tmp_path)
    (tmp_path / missing).unlink()
    assert well_known(tmp_path) is None
    with pytest.raises(BundleError, match="cannot be read"):
        ServingFiles(found)


def test_certificate_of_another_key_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "tls" / "tls.key").write_bytes(encode_private_key(ec_key(3)))
    with pytest.raises(BundleError, match="expected a pair"):
        load(paths(tmp_path))


async def test_renewed_files_are_taken_over_and_broken_ones_are_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path)
    serving = ServingFiles(paths(tmp_path))
    before = serving.context
    assert not await serving.reload()
    (tmp_path / "tls" / "tls.key").write_text("half")
    assert not await serving.reload()
    assert serving.context is before
    assert "keeps its old certificate" in caplog.text
    write(tmp_path, 3)
    assert await serving.reload()
    assert serving.context is not before
    assert serving.serving.certificate.public_key() == ec_key(3).public_key()


async def test_files_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving_files, "LOOK", timedelta(milliseconds=5))
    write(tmp_path)
    serving = ServingFiles(paths(tmp_path))
    task = asyncio.create_task(serving.serve_rotation())
    write(tmp_path, 3)
    await until(lambda: serving.serving.certificate.public_key() == ec_key(3).public_key())
    task.cancel()
