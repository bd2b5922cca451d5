"""Attributes that authorization knows, and the values that each may have.

In: keys of conditions, values as written. Out: attributes, and values in one form each: `10.0.0.0/8`, `8080`,
`namespace/account`. What Envoy would refuse, or read as something else, is a ValueError. Source: xDS behaviour 7.7.
"""

import re
from collections.abc import Callable, Mapping
from enum import Enum
from ipaddress import ip_address
from typing import Final


class Attribute(Enum):
    """What a clause is about: of the one who asks (`is_source`) or of what is asked for; `is_http`: unknown to TCP."""

    PRINCIPAL = ("source.principal", True, False)
    REQUEST_PRINCIPAL = ("request.auth.principal", True, True)
    SERVICE_ACCOUNT = ("source.serviceAccount", True, False)
    NAMESPACE = ("source.namespace", True, False)
    REMOTE_IP = ("remote.ip", True, False)
    SOURCE_IP = ("source.ip", True, False)
    HEADER = ("request.headers", True, True)
    AUDIENCE = ("request.auth.audiences", True, True)
    PRESENTER = ("request.auth.presenter", True, True)
    CLAIM = ("request.auth.claims", True, True)
    HOST = ("hosts", False, True)
    METHOD = ("methods", False, True)
    PATH = ("paths", False, True)
    PORT = ("destination.port", False, False)
    DESTINATION_IP = ("destination.ip", False, False)
    SNI = ("connection.sni", False, False)
    METADATA = ("experimental.envoy.filters", False, False)

    def __init__(self, key: str, is_source: bool, is_http: bool) -> None:
        self.key = key
        self.is_source = is_source
        self.is_http = is_http


_PLAIN: Final[Mapping[str, Attribute]] = {
    each.key: each
    for each in (
        Attribute.PRINCIPAL,
        Attribute.REQUEST_PRINCIPAL,
        Attribute.SERVICE_ACCOUNT,
        Attribute.NAMESPACE,
        Attribute.REMOTE_IP,
        Attribute.SOURCE_IP,
        Attribute.AUDIENCE,
        Attribute.PRESENTER,
        Attribute.PORT,
        Attribute.DESTINATION_IP,
        Attribute.SNI,
    )
}
_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_HEADER_NAME: Final = re.compile(rf":?{_TOKEN}")
_HEADER: Final = re.compile(rf"request\.headers\[(:?{_TOKEN})\]")
_CLAIM: Final = re.compile(r"request\.auth\.claims((?:\[[^\[\]]+\])+)")
_BRACKETS: Final = re.compile(r"\[([^\[\]]+)\]")
_METADATA: Final = re.compile(r"experimental\.(envoy\.filters\.[^\[\]]+)\[([^\[\]]+)\]")


def is_header_name(name: str) -> bool:
    """Whether a header may have this name; pseudo headers too."""
    return _HEADER_NAME.fullmatch(name) is not None


def parse_key(key: str) -> tuple[Attribute, tuple[str, ...]] | None:
    """Attribute of a condition, and the way to it: `request.auth.claims[a][b]` -> (CLAIM, (a, b)); None: unknown."""
    if key in _PLAIN:
        return _PLAIN[key], ()
    if found := _HEADER.fullmatch(key):
        return Attribute.HEADER, (found[1],)
    if found := _CLAIM.fullmatch(key):
        return Attribute.CLAIM, tuple(_BRACKETS.findall(found[1]))
    if found := _METADATA.fullmatch(key):
        return Attribute.METADATA, (found[1], found[2])
    return None


def parse_text(text: str, namespace: str = "") -> str:
    """Any text but none. Raises: ValueError."""
    if not text:
        raise ValueError("expected a value, got nothing")
    return text


def parse_range(text: str, namespace: str = "") -> str:
    """An address or a range of addresses as `address/bits`; bits beyond the prefix stay. Raises: ValueError."""
    address, slash, bits = text.partition("/")
    message = f'expected an IP address or a range such as 10.0.0.0/8, got "{text[:80]}"'
    if "%" in address or (slash and not (bits.isascii() and bits.isdecimal() and str(int(bits[:4])) == bits)):
        raise ValueError(message)
    try:
        parsed = ip_address(address)
    except ValueError:
        raise ValueError(message) from None
    if slash and int(bits) > parsed.max_prefixlen:
        raise ValueError(message)
    return f"{parsed}/{bits if slash else parsed.max_prefixlen}"


def parse_port(text: str, namespace: str = "") -> str:
    """A port; 0, which nobody has, may be named too. Raises: ValueError."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 20 and int(text) <= 65535):
        raise ValueError(f'expected a port from 0 to 65535, got "{text[:80]}"')
    return str(int(text))


def parse_account(text: str, namespace: str = "") -> str:
    """A service account as `namespace/name`; without a namespace that of the policy. Raises: ValueError."""
    parts = text.split("/")
    if not 1 <= len(parts) <= 2 or not all(parts) or "*" in text:
        raise ValueError(f'expected a service account as name or namespace/name, got "{text[:80]}"')
    return text if len(parts) == 2 else f"{namespace}/{text}"


ONE_SEGMENT: Final = "{*}"
SEGMENTS: Final = "{**}"
_LONGEST_TEMPLATE: Final = 256  # Envoy takes no longer ones
_LITERAL: Final = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()+,;:@=]|%[0-9A-Fa-f]{2})+")


def is_template(path: str) -> bool:
    """Whether a path has `{*}` or `{**}`."""
    return ONE_SEGMENT in path or SEGMENTS in path


def parse_path(text: str, namespace: str = "") -> str:
    """A path, a pattern or a template: `{*}` is one segment, `{**}` the rest. Raises: ValueError."""
    parse_text(text)
    if not is_template(text):
        if "{" in text or "}" in text:
            raise ValueError(f'expected braces as {{*}} or {{**}} only, got "{text[:80]}"')
        return text
    if not text.startswith("/"):
        raise ValueError(f'expected a template that starts with /, got "{text[:80]}"')
    if len(text) > _LONGEST_TEMPLATE:
        raise ValueError(f"expected a template of at most {_LONGEST_TEMPLATE} characters, got {len(text)}")
    over = False
    for segment in text.strip("/").split("/"):
        if segment in (ONE_SEGMENT, SEGMENTS):
            if over:
                raise ValueError(f'expected {{**}} as the last operator of a template, got "{text[:80]}"')
            over = segment == SEGMENTS
        elif not _LITERAL.fullmatch(segment):
            raise ValueError(f'expected {{*}} and {{**}} as whole segments among plain ones, got "{text[:80]}"')
    return text


PARSERS: Final[Mapping[Attribute, Callable[[str, str], str]]] = {
    Attribute.REMOTE_IP: parse_range,
    Attribute.SOURCE_IP: parse_range,
    Attribute.DESTINATION_IP: parse_range,
    Attribute.PORT: parse_port,
    Attribute.SERVICE_ACCOUNT: parse_account,
    Attribute.PATH: parse_path,
}
"""What turns a value and the policy's namespace into the one form; without an entry any text will do."""
