"""The other process, really: its answers, its errors, its death."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from ca import issue
from ca.errors import CsrError, GenerationError, LifetimeError
from ca.signing_process import Material, SigningProcess
from ca.template import LifetimePolicy
from tests.ca.makers import APP, NOON, ec_key, make_csr, make_root, rsa_key, split, until

CSR, ROOT, POLICY = make_csr(ec_key(3)), make_root(rsa_key()), LifetimePolicy()


async def make(signer: SigningProcess, csr: str = CSR, seconds: int = 0, root=ROOT, serial: int = 5) -> list[str]:  # type: ignore[no-untyped-def]
    return await signer.issue(root, POLICY, csr, (APP,), seconds, now=NOON, serial=serial)


async def test_answer_is_the_one_that_would_have_been_made_here() -> None:
    async with SigningProcess() as signer:
        here = issue.issue(ROOT, POLICY, CSR, (APP,), 3600, now=NOON, serial=2**128 - 1)
        assert await make(signer, seconds=3600, serial=2**128 - 1) == here  # RSA signatures are deterministic


async def test_many_at_once_are_not_mixed_up() -> None:
    async with SigningProcess() as signer:
        chains = await asyncio.gather(*(make(signer, serial=number) for number in range(1, 101)))
        assert [split(chain[0])[0].serial_number for chain in chains] == list(range(1, 101))


async def test_errors_keep_their_class_and_text() -> None:
    async with SigningProcess() as signer:
        with pytest.raises(CsrError, match="not properly encoded"):
            await make(signer, "no request")
        with pytest.raises(LifetimeError, match="2160h1m0s"):
            await make(signer, seconds=2160 * 3600 + 60)
        await make(signer)


async def test_another_root_signs_from_the_next_request_on() -> None:
    other = make_root(ec_key(4))
    async with SigningProcess() as signer:
        assert (await make(signer))[1:] == [ROOT.roots]
        assert (await make(signer, root=other))[1:] == [other.roots]
        assert (await make(signer))[1:] == [ROOT.roots]


async def test_process_that_dies_fails_its_requests_and_comes_back() -> None:
    async with SigningProcess() as signer:
        await make(signer)
        assert signer._process is not None
        first = signer._process.pid
        os.kill(first, signal.SIGSTOP)
        waiting = [asyncio.create_task(make(signer)) for _ in range(3)]
        await until(lambda: len(signer._waiting) == 3)
        os.kill(first, signal.SIGKILL)
        for each in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(each, GenerationError)
        await make(signer)
        assert signer._process.pid != first


async def test_cancelled_request_harms_nobody() -> None:
    async with SigningProcess() as signer:
        waiting = asyncio.create_task(make(signer))
        await asyncio.sleep(0)
        waiting.cancel()
        await make(signer)
        assert signer._waiting == {}


async def test_process_ends_with_its_owner_and_had_no_key_in_sight() -> None:
    async with SigningProcess() as signer:
        await make(signer)
        assert signer._process is not None
        assert b"PRIVATE" not in visible(signer._process.pid)
    assert signer._process.returncode is not None
    assert "PRIVATE" not in repr(Material(b"", b"PRIVATE KEY", b"", b"", NOON))


def visible(process: int) -> bytes:
    """What others see of a process: its command line and environment, where the system tells (Linux)."""
    files = [Path(f"/proc/{process}/{name}") for name in ("cmdline", "environ")]
    return b"".join(each.read_bytes() for each in files if each.exists())
