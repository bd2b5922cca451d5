import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest

from ca import rotation
from ca.authority import Authority
from ca.errors import NotReadyError
from ca.rotation import ServingRotation
from tests.ca.makers import NOON, ec_key, make_root, until

ROOT = make_root(ec_key())


class Clock:
    """Stands still until somebody moves it."""

    def __init__(self) -> None:
        self.now = NOON
        self.asked = 0

    def __call__(self) -> datetime:
        self.asked += 1
        return self.now


@asynccontextmanager
async def rotating(authority: Authority, lifetime: timedelta) -> AsyncIterator[ServingRotation]:
    made = ServingRotation(authority, ("localhost",), lifetime)
    task = asyncio.create_task(made.serve_rotation())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()


async def until_renewed(made: ServingRotation, old: int) -> None:
    await until(lambda: made.serving.certificate.serial_number != old)


async def test_certificate_is_replaced_at_half_of_its_life(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    authority = Authority(ROOT, clock=clock)
    monkeypatch.setattr(rotation, "_LONGEST_WAIT", timedelta(milliseconds=20))
    async with rotating(authority, timedelta(hours=1)) as made:
        first, context = made.serving, made.context
        clock.now = first.half_life - timedelta(seconds=1)
        asked = clock.asked
        await until(lambda: clock.asked > asked + 2)
        assert made.serving is first, "a second is left"
        clock.now = first.half_life
        await until_renewed(made, first.certificate.serial_number)
        assert made.context is not context
        assert made.serving.certificate.public_key() != first.certificate.public_key()


async def test_certificate_is_replaced_when_the_bundle_is() -> None:
    authority = Authority(ROOT, clock=Clock())
    async with rotating(authority, timedelta(days=1)) as made:
        old = made.serving.certificate.serial_number
        other = make_root(ec_key(1))
        authority.replace(other)
        await until_renewed(made, old)
        made.serving.certificate.verify_directly_issued_by(other.certificate)
        assert made.serving.roots == other.roots


async def test_failed_renewal_keeps_the_old_certificate_and_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rotation, "_RETRY", timedelta(milliseconds=10))
    clock = Clock()
    expiring = make_root(ec_key(1), NOON - timedelta(hours=2), timedelta(hours=1, minutes=59, seconds=59))
    authority = Authority(ROOT, clock=clock)
    async with rotating(authority, timedelta(days=1)) as made:
        first = made.serving
        authority.replace(expiring)
        await until(lambda: "keeps its old certificate" in caplog.text)
        assert made.serving is first
        assert {each.levelno for each in caplog.records if each.name == "ca"} == {logging.ERROR}
        authority.replace(ROOT)
        authority.replace(make_root(ec_key(2)))
        await until_renewed(made, first.certificate.serial_number)


def test_there_is_no_certificate_without_an_authority() -> None:
    with pytest.raises(NotReadyError):
        ServingRotation(Authority(None), ("localhost",))
