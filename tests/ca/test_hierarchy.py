import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from ca import hierarchy, plugged_in
from ca.authority import random_serial
from ca.errors import BundleError
from tests.ca.makers import NOON, ec_key, make_leaf


def initialize(directory: Path, *clusters: str, is_rsa: bool = False) -> tuple[Path, ...]:
    return hierarchy.initialize(directory, clusters, "my.mesh", now=NOON, new_serial=random_serial, is_rsa=is_rsa)


def test_clusters_have_intermediates_of_one_root(tmp_path: Path) -> None:
    east, west = (plugged_in.load(each, now=NOON) for each in initialize(tmp_path, "east", "west"))
    assert east.roots == west.roots
    assert east.certificate.public_key() != west.certificate.public_key()
    for each in (east, west):
        each.certificate.verify_directly_issued_by(each.root_certificates[0])
        make_leaf(each, ec_key().public_key()).verify_directly_issued_by(each.certificate)
    assert east.certificate.subject.rfc4514_string() == "CN=Intermediate CA of east,O=my.mesh"


def test_keys_are_private_and_the_root_key_is_nowhere_else(tmp_path: Path) -> None:
    initialize(tmp_path, "east")
    for path in (tmp_path / "root" / "root-key.pem", tmp_path / "east" / "ca-key.pem"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.rglob("root-key.pem")] == ["root-key.pem"]


def test_cluster_added_later_has_the_same_root_and_nothing_is_overwritten(tmp_path: Path) -> None:
    (east,) = initialize(tmp_path, "east")
    (west,) = initialize(tmp_path, "west")
    assert (east / "root-cert.pem").read_bytes() == (west / "root-cert.pem").read_bytes()
    before = (east / "ca-cert.pem").read_bytes()
    with pytest.raises(BundleError, match="exists already"):
        initialize(tmp_path, "south", "east")
    assert (east / "ca-cert.pem").read_bytes() == before
    assert not (tmp_path / "south").exists()


@pytest.mark.parametrize("name", ["root", "", "a/b", "..", "-a", "a b"])
def test_name_that_is_no_cluster_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleError, match="expected letters"):
        initialize(tmp_path, name)


def test_root_without_its_key_is_not_replaced(tmp_path: Path) -> None:
    initialize(tmp_path, "east")
    (tmp_path / "root" / "root-key.pem").unlink()
    with pytest.raises(BundleError, match="expected the key"):
        initialize(tmp_path, "west")


def test_intermediate_never_outlives_its_root(tmp_path: Path) -> None:
    long = timedelta(days=10_000)
    (east,) = hierarchy.initialize(tmp_path, ["e"], "m", now=NOON, new_serial=random_serial, lifetime=long)
    found = plugged_in.load(east, now=NOON)
    assert found.certificate.not_valid_after_utc == found.root_certificates[0].not_valid_after_utc


def test_keys_may_be_rsa(tmp_path: Path) -> None:
    (east,) = initialize(tmp_path, "east", is_rsa=True)
    assert isinstance(plugged_in.load(east, now=NOON).key.reveal(), rsa.RSAPrivateKey)
