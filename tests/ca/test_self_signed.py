import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from ca import self_signed
from ca.bundle import Bundle, decode_private_key, encode_certificate, encode_private_key
from ca.errors import BundleError, StateError
from ca.self_signed import CA_CERTIFICATE, CA_KEY, CERTIFICATE_CHAIN, ROOT_CERTIFICATES
from ca.state_directory import StateDirectory
from tests.ca.makers import NOON, YEARS, ec_key, make_root, rsa_key
from tests.shared import ROOT

FILES = (CA_KEY, CA_CERTIFICATE, ROOT_CERTIFICATES, CERTIFICATE_CHAIN)
EXISTING = make_root(rsa_key())


def load(path: Path, after: timedelta = timedelta(0), serials: Iterator[int] | None = None) -> Bundle:
    numbers = serials or count(100)
    return self_signed.load_or_create(
        StateDirectory(path), "cluster.local", now=NOON + after, new_serial=lambda: next(numbers)
    )


@pytest.fixture
def existing(tmp_path: Path) -> Path:
    """A directory with a root of which the key is known."""
    state = StateDirectory(tmp_path)
    for name, content in zip(
        FILES, (encode_private_key(rsa_key()), EXISTING.roots.encode(), EXISTING.roots.encode(), b""), strict=True
    ):
        state.write(name, content)
    return tmp_path


def test_first_start_makes_a_root_of_ten_years(tmp_path: Path) -> None:
    made = load(tmp_path / "state")
    assert made.certificate.serial_number == 100
    assert made.certificate.not_valid_after_utc == NOON + YEARS
    assert made.key.reveal().key_size == 2048
    assert (tmp_path / "state" / ROOT_CERTIFICATES).read_text() == encode_certificate(made.certificate) == made.roots
    assert (tmp_path / "state" / CERTIFICATE_CHAIN).read_bytes() == b""
    assert (tmp_path / "state" / CA_KEY).stat().st_mode & 0o777 == 0o600
    assert b"BEGIN RSA PRIVATE KEY" in (tmp_path / "state" / CA_KEY).read_bytes()


def test_second_start_finds_the_same_root(existing: Path) -> None:
    before = {name: (existing / name).read_bytes() for name in FILES}
    assert load(existing, timedelta(days=400)).certificate == EXISTING.certificate
    assert {name: (existing / name).read_bytes() for name in FILES} == before


def test_further_roots_in_the_directory_are_handed_out(existing: Path) -> None:
    other = make_root(ec_key(), name="other.domain").roots
    (existing / ROOT_CERTIFICATES).write_text(EXISTING.roots + other)
    assert load(existing).roots == EXISTING.roots + other


CRASHING = """
import os, sys, pathlib
from datetime import UTC, datetime
from ca import self_signed
from ca.state_directory import StateDirectory
when, moment = int(sys.argv[2]), sys.argv[3]
rename, renames = os.rename, 0
def dying(source, target):
    global renames
    renames += 1
    if renames == when and moment == "before": os.kill(os.getpid(), 9)
    rename(source, target)
    if renames == when: os.kill(os.getpid(), 9)
os.rename = dying
self_signed.load_or_create(
    StateDirectory(pathlib.Path(sys.argv[1])), "cluster.local",
    now=datetime(2026, 3, 1, 12, tzinfo=UTC), new_serial=lambda: 5)
"""


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", [1, 2, 3, 4])
def test_kill_between_any_two_writes_loses_no_root(tmp_path: Path, write: int, moment: str) -> None:
    arguments = [sys.executable, "-c", CRASHING, str(tmp_path), str(write), moment]
    assert subprocess.run(arguments, cwd=ROOT, check=False).returncode == -9
    left = {name: (tmp_path / name).read_bytes() for name in FILES if (tmp_path / name).exists()}
    assert len(left) == write - (moment == "before")
    made = load(tmp_path)
    for name, content in left.items():
        assert (tmp_path / name).read_bytes() == content
    assert load(tmp_path).certificate == made.certificate
    key = decode_private_key((tmp_path / CA_KEY).read_bytes())
    assert key.public_key() == made.certificate.public_key()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (CA_KEY, None, "expected the private key of ca-cert.pem"),
        (CA_CERTIFICATE, None, "expected it beside root-cert.pem"),
        (CA_KEY, b"", "private key"),
        (CA_CERTIFICATE, b"", "signing certificate"),
        (CA_KEY, encode_private_key(ec_key(5)), "expected a pair"),
        (ROOT_CERTIFICATES, b"", "root certificates"),
        (ROOT_CERTIFICATES, make_root(rsa_key(1)).roots.encode(), "no path to a root"),
    ],
)
def test_broken_set_of_files_is_refused_and_left_alone(
    existing: Path, name: str, content: bytes | None, said: str
) -> None:
    if content is None:
        (existing / name).unlink()
    else:
        (existing / name).write_bytes(content)
    before = {path.name: path.read_bytes() for path in existing.iterdir()}
    with pytest.raises((StateError, BundleError), match=said) as refused:
        load(existing)
    assert str(existing) in str(refused.value)
    assert {path.name: path.read_bytes() for path in existing.iterdir() if path.name != ".lock"} == before


def test_expired_root_is_refused(existing: Path) -> None:
    with pytest.raises(BundleError, match="expected it to be valid at 2036"):
        load(existing, YEARS)
