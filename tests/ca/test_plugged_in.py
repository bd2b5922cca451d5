"""A plugged-in CA in both layouts: what is complete, what fits together, what is refused."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ca import plugged_in
from ca.bundle import encode_certificate, encode_private_key
from ca.errors import BundleError
from tests.ca.makers import NOON, ec_key, make_intermediate, make_root, plug_in


def test_nothing_is_plugged_in_where_there_is_nothing(tmp_path: Path) -> None:
    assert not plugged_in.is_plugged_in(tmp_path)
    assert not plugged_in.is_plugged_in(tmp_path / "absent")


def test_native_layout_is_loaded(tmp_path: Path) -> None:
    root = plug_in(tmp_path)
    assert plugged_in.is_plugged_in(tmp_path)
    found = plugged_in.load(tmp_path, now=NOON)
    assert found.roots == root.roots
    assert found.certificate.issuer == root.certificate.subject
    assert found.chain == (encode_certificate(found.certificate), root.roots)
    assert found.key.reveal().public_key() == found.certificate.public_key()


def test_kubernetes_layout_is_loaded_and_goes_first(tmp_path: Path) -> None:
    plug_in(tmp_path)
    root = make_root(ec_key(5))
    own = make_intermediate(root, ec_key(6))
    (tmp_path / "tls.crt").write_text(encode_certificate(own))
    (tmp_path / "tls.key").write_bytes(encode_private_key(ec_key(6)))
    (tmp_path / "ca.crt").write_text(root.roots)
    found = plugged_in.load(tmp_path, now=NOON)
    assert found.certificate == own
    assert found.chain == (encode_certificate(own), root.roots)
    assert found.roots == root.roots


@pytest.mark.parametrize("missing", ["ca-cert.pem", "ca-key.pem", "cert-chain.pem", "root-cert.pem"])
def test_incomplete_files_are_an_error_that_names_them(tmp_path: Path, missing: str) -> None:
    plug_in(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(BundleError, match=f"incomplete CA: expected .* got no {missing}"):
        plugged_in.is_plugged_in(tmp_path)


def test_stored_self_signed_root_is_not_plugged_in(tmp_path: Path) -> None:
    plug_in(tmp_path)
    (tmp_path / plugged_in.GENERATED_MARK).touch()
    assert plugged_in.is_plugged_in(tmp_path)
    assert not plugged_in.is_plugged_in(tmp_path, holds_self_signed=True)


def _another_key(directory: Path) -> None:
    (directory / "ca-key.pem").write_bytes(encode_private_key(ec_key(8)))


def _another_root(directory: Path) -> None:
    (directory / "root-cert.pem").write_text(make_root(ec_key(8)).roots)


def _no_ca(directory: Path) -> None:
    from tests.ca.makers import make_leaf

    root = make_root(ec_key())
    (directory / "ca-cert.pem").write_text(encode_certificate(make_leaf(root, ec_key(1).public_key())))


@pytest.mark.parametrize(
    ("breaking", "said"), [(_another_key, "two different keys"), (_another_root, "no path to a root"), (_no_ca, "CA")]
)
def test_parts_that_do_not_fit_are_refused(tmp_path: Path, breaking: Callable[[Path], None], said: str) -> None:
    plug_in(tmp_path)
    breaking(tmp_path)
    with pytest.raises(BundleError, match=f"^{tmp_path}: .*{said}"):
        plugged_in.load(tmp_path, now=NOON)


def test_expired_ca_is_refused(tmp_path: Path) -> None:
    plug_in(tmp_path)
    with pytest.raises(BundleError, match="valid"):
        plugged_in.load(tmp_path, now=NOON + timedelta(days=60))


def test_unreadable_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    plug_in(tmp_path)
    (tmp_path / "ca-cert.pem").unlink()
    (tmp_path / "ca-cert.pem").mkdir()
    with pytest.raises(BundleError, match=r"ca-cert\.pem: cannot be read"):
        plugged_in.load(tmp_path, now=NOON)


def test_revocations_are_read_unless_switched_off(tmp_path: Path) -> None:
    plug_in(tmp_path)
    (tmp_path / "ca-crl.pem").write_text("no list")
    with pytest.raises(BundleError, match="revocation lists"):
        plugged_in.load(tmp_path, now=NOON)
    assert plugged_in.load(tmp_path, now=NOON, with_revocations=False).revocations == ""
