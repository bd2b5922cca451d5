import asyncio

import pytest

from ca.authority import Authority, random_serial
from ca.errors import NotReadyError
from tests.ca.makers import make_root, rsa_key


def test_serial_numbers_are_positive_and_of_128_bits() -> None:
    drawn = {random_serial() for _ in range(200)}
    assert len(drawn) == 200
    assert all(0 < serial < 1 << 128 for serial in drawn)
    assert max(drawn).bit_length() > 120


def test_authority_without_a_bundle_is_not_ready() -> None:
    with pytest.raises(NotReadyError):
        _ = Authority(None).bundle


async def test_everybody_who_waits_hears_of_a_new_bundle() -> None:
    first, second = make_root(rsa_key()), make_root(rsa_key(1))
    authority = Authority(first)
    waiting = [asyncio.ensure_future(authority.changed_from(first)) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(each.done() for each in waiting)
    authority.replace(second)
    await asyncio.gather(*waiting)
    assert authority.bundle is second


async def test_change_before_the_wait_is_not_missed() -> None:
    first = make_root(rsa_key())
    authority = Authority(first)
    authority.replace(make_root(rsa_key(1)))
    await asyncio.wait_for(authority.changed_from(first), 1)
