"""Names of cipher suites that a server may be told to take.

In: names as written. Out: whether Envoy's TLS library knows them.
Source: CA behaviour 5.4 (Gateway), xDS behaviour 4.11.
"""

import re
from typing import Final

CIPHERS: Final = frozenset(
    {
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES128-SHA",
        "ECDHE-RSA-AES128-SHA",
        "ECDHE-ECDSA-AES256-SHA",
        "ECDHE-RSA-AES256-SHA",
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
        "AES128-SHA",
        "AES256-SHA",
        "DES-CBC3-SHA",
    }
)
_ALL: Final = "ALL"
_CHANGE: Final = re.compile(r"[-+!](.+)")
_EQUALS: Final = re.compile(r"\[(.+)\]")


def is_cipher(text: str) -> bool:
    """Whether it is a suite, `ALL`, one of these with `-`, `+` or `!`, or several as equals: `[A|B]`."""
    if text == _ALL or text in CIPHERS:
        return True
    if found := _CHANGE.fullmatch(text):
        return found[1] == _ALL or found[1] in CIPHERS
    equals = _EQUALS.fullmatch(text)
    return equals is not None and CIPHERS.issuperset(equals[1].split("|"))
