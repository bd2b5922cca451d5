"""Callers whose certificate a trusted gateway has verified for us, and says so in a header.

Comes in: a `Call` whose peer is in one of the trusted networks (or on this machine). Goes out: a `Caller` with every
name in the header. Anybody can write a header: without the right address it is worth nothing.

Source: CA behaviour 1.2 (4) "XFCC"; Envoy's documentation of x-forwarded-client-cert (its syntax).
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from ca.authn.caller import Call, Caller
from ca.errors import CredentialError

MAX_HEADER_CHARACTERS = 16 * 1024
MAX_NAMES = 64
"""Of one header; arbitrary. A certificate has one or two names, and a chain of gateways a few certificates."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_COMMON_NAME = re.compile(r"(?:^|,)\s*CN\s*=\s*((?:\\.|[^,\\])+)", re.IGNORECASE)
_GRPC_PEER = re.compile(r"ipv[46]:(.*)")


class ForwardedCertificateAuthenticator:
    """Believes the header of peers in the given networks."""

    name = "XfccAuthenticator"

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = tuple(networks)

    async def authenticate(self, call: Call) -> Caller:
        """Every URI, DNS name and subject's common name of the header. Raises: CredentialError."""
        if not call.forwarded:
            raise CredentialError("no x-forwarded-client-cert header")
        if not self._is_trusted(call.peer):
            raise CredentialError("x-forwarded-client-cert header: the peer is in no trusted network")
        names = parse_names(call.forwarded)
        if not names:
            raise CredentialError("x-forwarded-client-cert header: expected a URI, DNS name or subject, got none")
        return Caller(names, self.name)

    def _is_trusted(self, peer: str) -> bool:
        address = peer_address(peer)
        if address is None:
            return False
        return address.is_loopback or any(address in network for network in self._networks)


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """TRUSTED_GATEWAY_CIDR. Raises: ValueError naming the one that is no network."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


@lru_cache(maxsize=1024)
def peer_address(peer: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address in `host:port`, `[host]:port`, or gRPC's `ipv4:host:port`; None where there is none."""
    plain = _GRPC_PEER.fullmatch(peer)
    text = plain[1].replace("%5B", "[").replace("%5D", "]") if plain else peer
    host = text.rpartition(":")[0].strip("[]").partition("%")[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def parse_names(header: str) -> tuple[str, ...]:
    """Names of every certificate in the header, in its order, each once.

    Raises: CredentialError where it is too long, has too many names, or a quote that does not end.
    """
    if len(header) > MAX_HEADER_CHARACTERS:
        raise CredentialError(f"x-forwarded-client-cert header has {len(header)} characters")
    names: dict[str, None] = {}
    for element in _split(header, ","):
        for pair in _split(element, ";"):
            key, _, value = pair.partition("=")
            match key.strip().lower():
                case "uri" | "dns":
                    names[_unquoted(value)] = None
                case "subject":
                    common_name = _COMMON_NAME.search(_unquoted(value))
                    if common_name:
                        names[re.sub(r"\\(.)", r"\1", common_name[1])] = None
                case _:
                    pass
    names.pop("", None)
    if len(names) > MAX_NAMES:
        raise CredentialError(f"x-forwarded-client-cert header: expected at most {MAX_NAMES} names, got {len(names)}")
    return tuple(names)


def _split(text: str, separator: str) -> Iterator[str]:
    """Parts between separators that stand in no quotes; a backslash in quotes protects the next character."""
    begin, position, is_quoted = 0, 0, False
    while position < len(text):
        character = text[position]
        if is_quoted and character == "\\":
            position += 1
        elif character == '"':
            is_quoted = not is_quoted
        elif character == separator and not is_quoted:
            yield text[begin:position]
            begin = position + 1
        position += 1
    if is_quoted:
        raise CredentialError("x-forwarded-client-cert header: a quote does not end")
    yield text[begin:]


def _unquoted(value: str) -> str:
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return re.sub(r"\\(.)", r"\1", value[1:-1])
    return value
