"""Values that must not be seen: they print redacted, so that no log line, problem or traceback shows one by accident.

In: text of a document, plain or in base64. Out: bytes, on demand. Equal by value, unlike the CA's secrets: what did not
change is not to be sent again.
"""

import binascii
from base64 import b64decode
from hmac import compare_digest


class Confidential:
    """Bytes that a document holds as text. `reveal()` is the only way to them, and easy to search for."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes = b"") -> None:
        self._value = value

    @classmethod
    def parse(cls, text: str) -> "Confidential":
        """The value in a document. Raises: ValueError, which does not show it."""
        return cls(text.encode())

    def reveal(self) -> bytes:
        """The value itself, for those who need it."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Confidential) and compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "<redacted>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)


class Encoded(Confidential):
    """The same in base64, as Kubernetes writes the data of Secrets."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> "Encoded":
        """The value in a document. Raises: ValueError, which does not show it."""
        try:
            return cls(b64decode("".join(text.split()), validate=True))
        except (binascii.Error, ValueError):
            raise ValueError("expected base64") from None
