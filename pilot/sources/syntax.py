"""What names, hosts, addresses and ports may look like.

In: one text or number. Out: None where it is right, else what is wrong with it. Checks form only: whether a host or an
address exists is for the model.
"""

import re
from functools import lru_cache
from ipaddress import IPv4Address, ip_address, ip_network

from pilot.model.decoding import describe

_LABEL = r"[A-Za-z0-9_](?:[-A-Za-z0-9_]*[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?:\*|(?:\*-?)?{_LABEL})(?:\.{_LABEL})*\.?")
_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?")
_MOST_NAME = 253
_MOST_HOST = 255
_MOST_PATH = 107  # of a socket: the kernel's limit, without the byte that ends it


@lru_cache(maxsize=65536)
def address_family(text: str) -> int:
    """4 or 6 for an IP address without zone and prefix, else 0."""
    if "%" in text:
        return 0
    try:
        return 4 if isinstance(ip_address(text), IPv4Address) else 6
    except ValueError:
        return 0


def name_fault(text: str) -> str | None:
    """Names of objects and namespaces: RFC 1123 subdomains."""
    if len(text) <= _MOST_NAME and _NAME.fullmatch(text):
        return None
    return f'expected a name of lower case letters, digits, "-" and ".", got {describe(text)}'


@lru_cache(maxsize=65536)
def host_fault(text: str) -> str | None:
    """Hosts of routes and services: DNS names, `*` as or in front of the first label; IP addresses."""
    if len(text) <= _MOST_HOST and (_HOST.fullmatch(text) or address_family(text)):
        return None
    return f"expected a host name, *.domain or an IP address, got {describe(text)}"


def ip_fault(text: str, family: int = 0) -> str | None:
    """IP addresses, of one family (4, 6) if given."""
    found = address_family(text)
    if found and family in (0, found):
        return None
    return f"expected an {f'IPv{family}' if family else 'IP'} address, got {describe(text)}"


def cidr_fault(text: str) -> str | None:
    """IP addresses and CIDRs; bits behind the prefix may be set."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        return f"expected an IP address or CIDR, got {describe(text)}"
    return None


def endpoint_fault(text: str) -> str | None:
    """Addresses of workloads: IP address, DNS name, `unix:///path`."""
    if text.startswith("unix://"):
        if len(text.removeprefix("unix://").encode()) > _MOST_PATH:
            return f"expected a path of {_MOST_PATH} bytes at most, got {describe(text)}"
        return None if text.startswith("unix:///") else f"expected unix:// and an absolute path, got {describe(text)}"
    if address_family(text):
        return None
    looks_numeric = not re.search(r"[A-Za-z]", text)  # 10.0.0.300 is a mistake and not a name
    if looks_numeric or "*" in text or not _HOST.fullmatch(text):
        return f"expected an IP address, a DNS name or unix:///path, got {describe(text)}"
    return None


def port_fault(number: int, least: int = 1) -> str | None:
    """Port numbers; `least` is 0 where 0 means not given."""
    if least <= number <= 65535:
        return None
    return f"expected a port from {least} to 65535, got {number}"
