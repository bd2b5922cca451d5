"""What one control plane tells the others of the certificates that it has issued, as a ConfigMap.

Comes in: holdings and what we know of ourselves. Goes out: bytes, and back. No keys, no tokens: names and fingerprints.
Repeated text is packed; a report of 30,000 proxies fits into an object of 1 MiB. No clock, no I/O.

Source: issue "certificate authority", part 5.
"""

import base64
import binascii
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec

from ca.errors import RolloverError
from ca.rollover.holders import Holder, Holding

PREFIX = "meshpilot-issued-"
LABEL = "meshpilot.io/issued"
_LONGEST = 900_000
_MOST_UNPACKED = 64 << 20


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One replica's."""

    replica: str
    stage: str = ""
    """Of the change of root that it has taken over, with the time; empty where there is none."""
    unknown_until: int = 0
    """When the last certificate expires that nobody has counted; seconds of Unix time."""
    at: int
    """When it was written."""
    is_closed: bool = False
    """It was the last one: the replica ended in good order."""
    holdings: tuple[tuple[str, str, Holding], ...] = ()
    following: tuple[Holder, ...] = ()


def encode(report: Report) -> dict[str, Any]:
    """The ConfigMap, without a namespace. Raises: RolloverError where it is too large."""
    packed = base64.b64encode(zlib.compress(msgspec.msgpack.encode(report), 6)).decode()
    if len(packed) > _LONGEST:
        raise RolloverError(f"report of {len(report.holdings)} certificates: expected at most {_LONGEST} bytes")
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": PREFIX + report.replica, "labels": {LABEL: "true"}},
        "binaryData": {"report": packed},
    }


def decode(found: Mapping[str, Any]) -> Report:
    """From the ConfigMap. Raises: RolloverError."""
    try:
        packed = base64.b64decode(found["binaryData"]["report"], validate=True)
        unpacking = zlib.decompressobj()
        content = unpacking.decompress(packed, _MOST_UNPACKED)
        if unpacking.unconsumed_tail:
            raise RolloverError(f"report: expected at most {_MOST_UNPACKED} bytes")
        return msgspec.msgpack.decode(content, type=Report)
    except (KeyError, TypeError, binascii.Error, ValueError, zlib.error, msgspec.DecodeError) as error:
        raise RolloverError("report: expected one of a control plane, got something unreadable") from error
