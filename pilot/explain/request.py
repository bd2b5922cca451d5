"""The request that is asked about.

In: a method, a URL, headers. Out: a `Request` as a proxy sees it. Does nothing with it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a workload, and who it is."""

    scheme: str
    host: str
    port: int
    path: str
    """With its query."""
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case name."""
    identity: str = ""
    """`spiffe://...` that the client proves to servers; empty: none."""
    source: str = ""
    """The client's address."""

    @property
    def url(self) -> str:
        """As people write it."""
        port = "" if _PORTS.get(self.scheme) == self.port else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}{self.path}"

    @property
    def authority(self) -> str:
        """What its Host header says."""
        usual = self.headers.get("host") or self.headers.get(":authority")
        return usual or (self.host if _PORTS.get(self.scheme) == self.port else f"{self.host}:{self.port}")

    def header(self, name: str) -> str | None:
        """A header, or one of HTTP/2's pseudo headers; None: it has none."""
        special = {":authority": self.authority, "host": self.authority, ":method": self.method,
                   ":path": self.path, ":scheme": self.scheme}  # fmt: skip
        return special.get(name.lower(), self.headers.get(name.lower()))

    @property
    def plain_path(self) -> str:
        """Without the query."""
        return self.path.partition("?")[0].partition("#")[0]


def parse_request(url: str, method: str = "GET", headers: Iterable[str] = ()) -> Request:
    """`http://host:port/path`, `GET`, `key: value` -> a request. Raises: ValueError."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"expected a URL such as http://reviews:9080/1, got {url}")
    known: dict[str, str] = {}
    for each in headers:
        name, colon, value = each.partition(":")
        if not colon or not name.strip():
            raise ValueError(f"expected a header such as end-user: jason, got {each}")
        known[name.strip().lower()] = value.strip()
    path = parts.path or "/"
    return Request(
        parts.scheme,
        parts.hostname,
        parts.port or _PORTS[parts.scheme],
        f"{path}?{parts.query}" if parts.query else path,
        method.upper(),
        known,
    )
