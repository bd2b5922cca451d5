import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca.authn.caller import Call
from ca.authn.forwarded import (
    MAX_HEADER_CHARACTERS,
    ForwardedCertificateAuthenticator,
    parse_names,
    parse_networks,
    peer_address,
)
from ca.errors import CredentialError
from tests.ca.makers import APP

GATEWAYS = ForwardedCertificateAuthenticator(parse_networks(["10.1.0.0/16", "2001:db8::/32"]))


async def names(header: str, peer: str = "10.1.2.3:99") -> tuple[str, ...]:
    return (await GATEWAYS.authenticate(Call(peer, is_secure=True, forwarded=header))).identities


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (f"By=spiffe://x/ns/a/sa/b;Hash=ab;URI={APP}", (APP,)),
        (
            f'Hash=ab;Subject="CN=app,O=acme";URI={APP};DNS=a.example;DNS=b.example',
            ("app", APP, "a.example", "b.example"),
        ),
        (f'URI={APP},URI=spiffe://x/ns/a/sa/b;Subject="O=x"', (APP, "spiffe://x/ns/a/sa/b")),
        ('Subject="O=a\\"b;URI=evil,CN=c\\\\,d";URI=x', ("c,d", "x")),
        (f"uri={APP};URI={APP}", (APP,)),
        ("URI=;DNS=a", ("a",)),
    ],
)
async def test_names_of_every_element_are_identities(header: str, found: tuple[str, ...]) -> None:
    assert await names(header) == found


@pytest.mark.parametrize(
    "peer",
    [
        "10.1.0.1:1",
        "127.0.0.1:1",
        "[::1]:5",
        "[2001:db8::7]:5",
        "ipv4:10.1.9.9:7",
        "ipv6:%5B::1%5D:9",
        "[::ffff:10.1.1.1]:4",
    ],
)
async def test_peers_in_trusted_networks_are_believed(peer: str) -> None:
    assert await names(f"URI={APP}", peer) == (APP,)


@pytest.mark.parametrize("peer", ["10.2.0.1:1", "[2001:db9::1]:1", "unix:", "unix:/x/1", "gone", "", "10.1.0.1.evil:1"])
async def test_others_are_not(peer: str) -> None:
    with pytest.raises(CredentialError, match="no trusted network"):
        await names(f"URI={APP}", peer)


@pytest.mark.parametrize("header", ["", "Hash=abc", "By=x", ";;,,", 'URI="', "URI=" + "a" * MAX_HEADER_CHARACTERS])
async def test_header_without_names_or_end_is_refused(header: str) -> None:
    with pytest.raises(CredentialError):
        await names(header)


def test_too_many_names_are_refused() -> None:
    with pytest.raises(CredentialError, match="at most 64"):
        parse_names(";".join(f"DNS=d{number}" for number in range(65)))


def test_networks_may_be_written_as_hosts_and_nonsense_is_named() -> None:
    assert str(parse_networks(["10.1.2.3/8"])[0]) == "10.0.0.0/8"
    with pytest.raises(ValueError, match="here"):
        parse_networks(["10.0.0.0/8", "here"])


@given(st.text(alphabet='=;,"\\ abURIDNSsubjectCN', max_size=80))
def test_no_header_breaks_the_parser(text: str) -> None:
    try:
        assert all(parse_names(text))
    except CredentialError:
        assert '"' in text


@given(st.text(max_size=40))
def test_no_peer_breaks_the_parser(text: str) -> None:
    peer_address(text)
