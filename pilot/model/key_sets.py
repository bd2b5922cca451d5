"""Public keys of issuers of tokens: where they are, what they look like, and keys that no token is signed with.

In: places of keys and what was found there. Out: JSON Web Key Sets as text. Fetches nothing.
Source: xDS behaviour 7.6; RFC 7517.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar, Final
from urllib.parse import urlsplit

from pilot.model.object_store import ObjectStore
from pilot.model.objects import Metadata, Object

DISCOVERY: Final = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True, order=True)
class KeySource:
    """Where keys are: at `url`, or at the place that the OpenID document there names."""

    url: str
    is_discovery: bool = False

    @property
    def name(self) -> str:
        """That of its `KeySet`."""
        return f"{self.url} (discovery)" if self.is_discovery else self.url


def is_url(text: str) -> bool:
    """Whether keys can be fetched from there."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


class KeySet(Object, frozen=True):
    """What is known of the keys at a place; `metadata.name` is the place's. Made by the source that fetches them."""

    KIND: ClassVar[str] = "KeySet"

    keys: str = ""
    """A JSON Web Key Set; empty: none has been had yet."""
    failure: str = ""
    """Why the last attempt brought nothing."""


def key_set(source: KeySource, keys: str = "", failure: str = "") -> KeySet:
    """The object for a place."""
    return KeySet(metadata=Metadata(name=source.name), keys=keys, failure=failure)


def key_set_error(text: str) -> str | None:
    """Why this is no JSON Web Key Set with a key; None where it is."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return "expected JSON, got something else"
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or not keys:
        return 'expected a JSON Web Key Set with "keys", got none'
    if not all(isinstance(each, dict) and isinstance(each.get("kty"), str) for each in keys):
        return 'expected every key to say its type, "kty"'
    return None


@dataclass(frozen=True, slots=True)
class KeySets:
    """The keys that were found, by name of their place, and why others were not."""

    keys: Mapping[str, str]
    failures: Mapping[str, str]

    @classmethod
    def of(cls, objects: ObjectStore) -> "KeySets":
        """All that the store has."""
        known = list(objects.of(KeySet))
        return cls(
            {each.name: each.keys for each in known if each.keys},
            {each.name: each.failure for each in known if each.failure},
        )


def _points() -> Iterator[tuple[int, int]]:
    """Points of the curve P-256 that a fixed sentence gives: their logarithms, the private keys, nobody knows."""
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    for attempt in range(256):
        x = int.from_bytes(sha256(f"meshpilot: no token is signed with this key, {attempt}".encode()).digest())
        square = (x**3 - 3 * x + b) % prime
        y = pow(square, (prime + 1) // 4, prime)
        if x < prime and y * y % prime == square:
            yield x, y


def _number(value: int) -> str:
    return urlsafe_b64encode(value.to_bytes(32)).rstrip(b"=").decode()


def _unusable() -> str:
    x, y = next(_points())
    key = {"kty": "EC", "crv": "P-256", "x": _number(x), "y": _number(y), "use": "sig", "alg": "ES256", "kid": "none"}
    return json.dumps({"keys": [key]}, separators=(",", ":"))


UNUSABLE: Final = _unusable()
"""A key set by which every token is refused: a public key without a private one. It stands for keys not known yet."""
