"""Checks the values of annotations that injection reads.

Comes in: a pod's annotations. Goes out: nothing, or an error that lists every wrong value.
Source: injection behaviour 2.7.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Final

from webhook.injection.errors import InvalidAnnotationsError
from webhook.injection.mesh import parse_proxy_config
from webhook.injection.quantities import canonical

_PREFIX: Final = "traffic.sidecar.istio.io/"
_TRUTHS: Final = ("1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False")


def check_annotations(annotations: Mapping[str, str]) -> None:
    """Raises: InvalidAnnotationsError, one line for each value that is wrong."""
    problems = []
    for name, value in sorted(annotations.items()):
        check = _CHECKS.get(name)
        if check is None:
            continue
        try:
            check(value)
        except ValueError as error:
            problems.append(f"invalid value '{value}' for annotation '{name}': {error}")
    if problems:
        count = "1 error" if len(problems) == 1 else f"{len(problems)} errors"
        lines = "".join(f"\t* {problem}\n" for problem in problems)
        raise InvalidAnnotationsError(f"{count} occurred:\n{lines}\n")


def parse_truth(value: str) -> bool:
    """A boolean as Go reads them. Raises: ValueError."""
    if value not in _TRUTHS:
        raise ValueError(f'strconv.ParseBool: parsing "{value}": invalid syntax')
    return value[0] in "1tT"


def _mode(value: str) -> None:
    if value not in ("REDIRECT", "TPROXY", "NONE"):
        raise ValueError(f"interceptionMode invalid, use REDIRECT,TPROXY,NONE: {value}")


def parse_unsigned(value: str, bits: int) -> int:
    """An unsigned number of so many bits. Raises: ValueError, worded as Go's."""
    if not re.fullmatch(r"\d+", value, re.ASCII):
        raise ValueError(f'strconv.ParseUint: parsing "{value}": invalid syntax')
    if len(value) > 20 or int(value) >= 1 << bits:
        raise ValueError(f'strconv.ParseUint: parsing "{value}": value out of range')
    return int(value)


def _unsigned(bits: int) -> Callable[[str], None]:
    def check(value: str) -> None:
        parse_unsigned(value, bits)

    return check


def _ranges(value: str) -> None:
    for each in value.split(",") if value else ():
        address, _, length = each.partition("/")
        try:
            valid = "." in address or ":" in address
            network = ipaddress.ip_network(each, strict=False)
        except ValueError:
            valid, network = False, None
        if not valid or not length.isdecimal() or network is None:
            raise ValueError(f"failed parsing cidr '{each}': invalid CIDR address: {each}")


def _ranges_or_all(value: str) -> None:
    if value != "*":
        try:
            _ranges(value)
        except ValueError as error:
            raise ValueError(f"includeIPRanges invalid: {error}") from error


def _excluded_ranges(value: str) -> None:
    try:
        _ranges(value)
    except ValueError as error:
        raise ValueError(f"excludeIPRanges invalid: {error}") from error


def _ports(name: str, *, all_allowed: bool = False) -> Callable[[str], None]:
    def check(value: str) -> None:
        if all_allowed and value == "*":
            return
        for port in value.split(",") if value.strip() else ():
            try:
                parse_unsigned(port.strip(), 16)
            except ValueError as error:
                cause = f"failed parsing port '{port}': failed parsing port '{port}': {error}"
                raise ValueError(f"{name} invalid: {cause}") from error

    return check


def _quantity(value: str) -> None:
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise ValueError("a control character in a quantity")
    canonical(value)


def _truth(value: str) -> None:
    parse_truth(value)


def _proxy_config(value: str) -> None:
    parse_proxy_config(value)


_CHECKS: Final[Mapping[str, Callable[[str], None]]] = {
    "sidecar.istio.io/interceptionMode": _mode,
    "status.sidecar.istio.io/port": _unsigned(16),
    "readiness.status.sidecar.istio.io/initialDelaySeconds": _unsigned(32),
    "readiness.status.sidecar.istio.io/periodSeconds": _unsigned(32),
    "readiness.status.sidecar.istio.io/failureThreshold": _unsigned(32),
    f"{_PREFIX}includeOutboundIPRanges": _ranges_or_all,
    f"{_PREFIX}excludeOutboundIPRanges": _excluded_ranges,
    f"{_PREFIX}includeInboundPorts": _ports("includeInboundPorts", all_allowed=True),
    f"{_PREFIX}excludeInboundPorts": _ports("excludeInboundPorts"),
    f"{_PREFIX}includeOutboundPorts": _ports("includeOutboundPorts"),
    f"{_PREFIX}excludeOutboundPorts": _ports("excludeOutboundPorts"),
    "prometheus.istio.io/merge-metrics": _truth,
    "proxy.istio.io/config": _proxy_config,
    "sidecar.istio.io/proxyCPU": _quantity,
    "sidecar.istio.io/proxyCPULimit": _quantity,
    "sidecar.istio.io/proxyMemory": _quantity,
    "sidecar.istio.io/proxyMemoryLimit": _quantity,
}
