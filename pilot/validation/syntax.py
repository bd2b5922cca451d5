"""What names, hosts, addresses and ports may look like.

In: one text or number. Out: None where it is right, else what is wrong with it. Checks form only: whether a host or an
address exists is for the model.
"""

import re
from functools import lru_cache
from ipaddress import IPv4Address, ip_address, ip_network

import re2

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


# --- as strict as an API server is told to be -----------------------------------------------------------------------

_DNS_LABEL = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9]*[A-Za-z0-9])?")
_WILDCARD_LABEL = re.compile(rf"\*|(?:\*-?)?{_DNS_LABEL.pattern}")
_HEADER = re.compile(r"[-A-Za-z0-9]+")
_MOST_LABEL = 63
_LABEL_NAME = re.compile(r"(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_SUBDOMAIN = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_LONGEST_REGEX = 1024
_QUIET = re2.Options()
_QUIET.log_errors = False


def is_label(text: str) -> bool:
    """One label of a DNS name: letters of either case, digits, `-` inside; 63 at most."""
    return len(text) <= _MOST_LABEL and _DNS_LABEL.fullmatch(text) is not None


def label_fault(text: str) -> str | None:
    """Names that are one DNS label."""
    if is_label(text):
        return None
    return f'expected a DNS label (letters, digits, "-" inside, {_MOST_LABEL} at most), got {describe(text)}'


@lru_cache(maxsize=65536)
def domain_fault(text: str, wildcard: bool = False) -> str | None:
    """DNS names as Istio's API wants them; `wildcard`: the first label may be `*`, `*x` or `*-x`."""
    form = "*.domain or a DNS name" if wildcard else "a DNS name"
    if not text:
        return f"expected {form}, got nothing"
    if len(text) > _MOST_HOST:
        return f"expected {form} of {_MOST_HOST} characters at most, got {len(text)}"
    labels = text.split(".")
    if len(labels) > 1 and not labels[-1]:
        labels.pop()
    first = [labels.pop(0)] if wildcard else []
    for label in first:
        if len(label) > _MOST_LABEL or not _WILDCARD_LABEL.fullmatch(label):
            return f"expected {form}, got {describe(text)}: the label {describe(label)} is not valid"
    for label in labels:
        if not is_label(label):
            return f"expected {form}, got {describe(text)}: the label {describe(label)} is not valid"
    if labels and labels[-1].isdecimal():
        return f"expected {form}, got {describe(text)}: its last label has digits only"
    return None


def is_partial_wildcard(host: str) -> bool:
    """`*x.domain`: Envoy takes it, DNS has no such thing."""
    return host.startswith("*") and host != "*" and not host.startswith("*.")


def label_pair_fault(key: str, value: str) -> str | None:
    """A Kubernetes label."""
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > _MOST_NAME or not _SUBDOMAIN.fullmatch(prefix)):
        return f"expected the key of a label, such as app or example.com/app, got {describe(key)}"
    if len(name) > _MOST_LABEL or not _LABEL_NAME.fullmatch(name):
        return f"expected the key of a label, such as app or example.com/app, got {describe(key)}"
    if value and (len(value) > _MOST_LABEL or not _LABEL_NAME.fullmatch(value)):
        return f"expected the value of a label, got {describe(value)}"
    return None


def header_fault(text: str) -> str | None:
    """Names of headers that are written to requests: letters, digits and `-` only."""
    return None if _HEADER.fullmatch(text) else f"expected letters, digits and -, got {describe(text)}"


def subnet_fault(text: str) -> str | None:
    """CIDRs and plain IP addresses, without zone."""
    address, slash, bits = text.partition("/")
    family = address_family(address)
    if family and (not slash or (bits.isdecimal() and int(bits[:4]) <= (32 if family == 4 else 128))):
        return None
    return f"expected an IP address or CIDR, got {describe(text)}"


@lru_cache(maxsize=4096)
def regex_fault(text: str) -> str | None:
    """Regular expressions that Envoy can run: RE2, not empty, 1024 characters at most."""
    if not text:
        return "expected a regular expression, got nothing"
    if len(text) > _LONGEST_REGEX:
        return f"expected a regular expression of {_LONGEST_REGEX} characters at most, got {len(text)}"
    try:
        re2.compile(text, _QUIET)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        return f"expected a regular expression in RE2 syntax, got {describe(text)}: {reason}"
    return None
