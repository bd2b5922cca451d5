"""Questions to a real name server on the loopback."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot.sources import dns
from pilot.sources.dns import AAAA, A, Answer, LookUpError, decode_answer, encode_question, look_up, servers_of
from tests.pilot.sources.name_server import name_server


def test_name_servers_are_those_of_the_file_in_order() -> None:
    text = "# nameserver 9.9.9.9\nsearch x\nnameserver 10.0.0.1\nnameserver fe80::1%eth0\nnameserver\n"
    assert servers_of(text) == (("10.0.0.1", 53), ("fe80::1", 53))


async def test_both_families_are_asked_for_and_the_shortest_time_counts() -> None:
    async with name_server(
        lb_example=("=real.example",), real_example=("203.0.113.9", "203.0.113.1", "2001:db8::1")
    ) as s:
        assert await look_up("lb.example", [s.address]) == Answer(("2001:db8::1", "203.0.113.1", "203.0.113.9"), 5.0)
        assert await look_up("real.example.", [s.address]) == Answer(
            ("2001:db8::1", "203.0.113.1", "203.0.113.9"), 60.0
        )


async def test_a_name_that_does_not_exist_has_no_addresses() -> None:
    async with name_server() as server:
        assert await look_up("nobody.example", [server.address]) == Answer()


async def test_what_is_too_long_for_a_datagram_comes_over_a_stream() -> None:
    many = tuple(f"203.0.113.{number}" for number in range(200))
    async with name_server(many_example=many) as server:
        server.truncates = True
        assert len((await look_up("many.example", [server.address])).addresses) == 200


async def test_the_next_server_is_asked_where_one_fails_or_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns, "TIMEOUT", 0.1)
    async with name_server() as broken, name_server() as silent, name_server(a_example=("203.0.113.1",)) as good:
        broken.code, silent.is_silent = 2, True
        servers = [broken.address, silent.address, good.address]
        assert (await look_up("a.example", servers)).addresses == ("203.0.113.1",)
        with pytest.raises(LookUpError, match=r"a\.example: 127\.0\.0\.1: "):
            await look_up("a.example", servers[:2])
    with pytest.raises(LookUpError, match="there is no name server"):
        await look_up("a.example", [])


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64 + ".example", "ü.example", ".".join(["abc"] * 70)])
async def test_what_is_no_host_name_is_not_asked_for(name: str) -> None:
    with pytest.raises(LookUpError, match="expected a host name"):
        await look_up(name, [("127.0.0.1", 1)])


def test_a_question_is_what_the_wire_wants() -> None:
    assert encode_question(7, "a.bc", A) == bytes.fromhex("0007 0100 0001 0000 0000 0000 01 61 02 6263 00 0001 0001")


@given(st.binary(max_size=64))
def test_no_answer_whatever_it_is_makes_anything_else_than_an_error(data: bytes) -> None:
    for head in (b"", struct.pack("!6H", 7, 0x8180, 1, 1, 0, 0)):
        for kind in (A, AAAA):
            try:
                decode_answer(head + data, 7, kind)
            except LookUpError:
                continue
