"""Debug questions over xDS, as istioctl asks them.

In: identities that a stream proved, a type URL that begins with `istio.io/debug`, names. Out: a set of ready resources
and, for `syncz`, who answers. Opens no port: `AdsServer` calls it. Source: operations 3.3, 5.
"""

import asyncio
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from envoy.service.status.v3 import csds_pb2
from google.protobuf.any_pb2 import Any as Packed

from pilot.debug import dumps
from pilot.debug.access import Access, Refused
from pilot.debug.console import Answer, Console, Question
from pilot.debug.dumps import Dumps
from pilot.debug.proxies import ProxyPages
from pilot.errors import BadRequest, PermissionDenied, Unauthenticated
from pilot.resources import EMPTY, ResourceSet, pack, resource_set
from pilot.resources import Resource as Ready
from pilot.type_urls import DEBUG_PREFIX, TypeUrl
from pilot.xds.discovery import Connection, WatchRow

SYNCZ: Final = TypeUrl(f"{DEBUG_PREFIX}/syncz")
CONFIG_DUMP: Final = TypeUrl(f"{DEBUG_PREFIX}/config_dump")
_CLIENT_CONFIG: Final = TypeUrl("type.googleapis.com/envoy.service.status.v3.ClientConfig")
_TOLD: Final = ("CLUSTER_ID", "NAMESPACE", "ISTIO_VERSION")
"""Metadata of proxies that is told."""


class DebugQueries:
    """Answers."""

    def __init__(self, console: Console, access: Access, proxies: ProxyPages, sections: Dumps) -> None:
        self._console, self._access, self._proxies, self._dumps = console, access, proxies, sections

    async def __call__(
        self, identities: tuple[str, ...] | None, type_url: TypeUrl, names: frozenset[str], /
    ) -> ResourceSet:
        """One answer. Raises: Unauthenticated, PermissionDenied, BadRequest."""
        if not self._access.settings.enabled:
            return resource_set([_ready(TypeUrl(DEBUG_PREFIX), "debug", b"404 page not found\n")])
        if type_url in (SYNCZ, CONFIG_DUMP):
            if not identities and self._access.settings.by_namespace:
                raise Unauthenticated("authentication required")
            return await (self._syncz() if type_url == SYNCZ else self._config_dump(names, identities or ()))
        if not identities:
            raise Unauthenticated("authentication required")
        return await self._page(identities, _only(names))

    async def _syncz(self) -> ResourceSet:
        rows = [client_config(each) for each in self._proxies.proxies()]
        data = [(f"{name}#{number}", each.SerializeToString()) for number, (name, each) in enumerate(rows)]
        return resource_set(_ready(_CLIENT_CONFIG, name, each) for name, each in data)

    async def _config_dump(self, names: frozenset[str], identities: tuple[str, ...]) -> ResourceSet:
        entry = self._console.find("config_dump")
        found = self._proxies.find(Question({"proxyID": _only(names)}, self._admit("config_dump", identities)))
        if entry is None or isinstance(found, Answer):
            return EMPTY
        held = self._dumps.held(found)
        parts: list[Packed] = await asyncio.to_thread(lambda: dumps.sections(held))
        return resource_set(
            _ready(TypeUrl(each.type_url), f"{number}:{each.type_url}", each.value) for number, each in enumerate(parts)
        )

    def _admit(self, name: str, identities: tuple[str, ...]) -> str:
        try:
            return self._access.admit(self._console.find(name), identities)
        except Refused as error:
            raise PermissionDenied(f"debug page {name}: {error}") from error

    async def _page(self, identities: tuple[str, ...], asked: str) -> ResourceSet:
        """The body of a page; its status is lost."""
        name, _, query = asked.partition("?")
        namespace = self._admit(name, identities)
        parts: Mapping[str, str] = dict(parse_qsl(query, keep_blank_values=True))
        found = await self._console.answer(name, Question(parts, namespace))
        return resource_set([_ready(TypeUrl(DEBUG_PREFIX), asked, found.body)])


def client_config(each: Connection) -> tuple[str, csds_pb2.ClientConfig]:
    """A proxy and the state of its types, as `istioctl proxy-status` reads them."""
    made = csds_pb2.ClientConfig()
    made.node.id = each.proxy.id
    for key in _TOLD:
        value = each.proxy.raw_metadata.get(key)
        if isinstance(value, str):
            made.node.metadata[key] = value
    for row in sorted(each.watches, key=lambda one: one.type_url):
        state = made.generic_xds_configs.add(type_url=row.type_url, config_status=status_of(row))
        if row.sent_at is not None:
            state.last_updated.FromDatetime(row.sent_at)
        if row.error:
            state.error_state.details = row.error
            state.error_state.last_update_attempt.CopyFrom(state.last_updated)
    return each.id, made


def status_of(row: WatchRow) -> csds_pb2.ConfigStatus:
    """What has become of the last response of a type."""
    if row.error:
        return csds_pb2.ConfigStatus.ERROR
    if not row.sent_nonce:
        return csds_pb2.ConfigStatus.NOT_SENT
    return csds_pb2.ConfigStatus.SYNCED if row.sent_nonce == row.acked_nonce else csds_pb2.ConfigStatus.STALE


def _only(names: frozenset[str]) -> str:
    """The one name that a question must have. Raises: BadRequest."""
    if len(names) != 1:
        raise BadRequest(f"debug question: expected exactly one resource name, got {len(names)}")
    return next(iter(names))


def _ready(type_url: TypeUrl, name: str, value: bytes) -> Ready:
    return Ready(name, pack(type_url, value), str(len(value)))
