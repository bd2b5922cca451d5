"""Which kinds the cluster has: the CustomResourceDefinitions by name, as they come and go.

In: an API server. Out: whether a kind is there, and a wake-up for whoever waits for one. Only metadata is read. Where
we may not read definitions, every kind may be there: whoever wants one tries.
Source: Kubernetes controllers behaviour 6.1 (missing definitions, bundle versions).
"""

import asyncio
import logging
import re
from collections import defaultdict

import msgspec
from msgspec import Raw, Struct, field

from ca.errors import KubernetesError
from pilot.sources.kubernetes.api import ListApi
from pilot.sources.kubernetes.named import Names
from pilot.sources.kubernetes.reflector import Reflector
from pilot.sources.kubernetes.resources import LEAST_BUNDLE, Resource

PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
BUNDLE_VERSION = "gateway.networking.k8s.io/bundle-version"
LOOK_AGAIN = 30.0
"""Seconds after which a kind is tried again where nobody says when it comes; arbitrary."""

_log = logging.getLogger("kube")


class _Metadata(Struct, frozen=True):
    name: str = ""
    annotations: dict[str, str] | None = None
    resource_version: str = field(default="", name="resourceVersion")


class _Definition(Struct, frozen=True):
    metadata: _Metadata = _Metadata()


_DECODER = msgspec.json.Decoder(_Definition)


def _read(item: Raw) -> tuple[str, tuple[str, str]]:
    """Name; bundle version and resource version."""
    metadata = _DECODER.decode(item).metadata
    bundle = (metadata.annotations or {}).get(BUNDLE_VERSION, "")
    return metadata.name, (bundle, metadata.resource_version)


class Definitions:
    """Those of one cluster."""

    def __init__(self, api: ListApi) -> None:
        self._names = Names(_read, self._changed)
        self._reflector = Reflector(api, PATH, self._names, metadata_only=True)
        self._waiting: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._is_forbidden = False
        self.is_known = asyncio.Event()
        """Set once they have been listed, or cannot be."""

    @property
    def fault(self) -> str:
        """Why what is known may be old; empty while it is not."""
        return self._reflector.fault

    async def serve(self) -> None:
        """Follows them; ends only by cancellation."""
        while True:
            try:
                await self._reflector.serve()
            except KubernetesError as error:
                _log.warning(f"kinds that come later are found within {LOOK_AGAIN:.0f} s only: {error}")
                self._is_forbidden = True
                self.is_known.set()
            await asyncio.sleep(LOOK_AGAIN)

    def may_have(self, resource: Resource) -> bool:
        """Whether objects of the kind can be asked for."""
        name = resource.definition
        if not name or (self._is_forbidden and not self._names.is_listed):
            return True
        found = self._names.known.get(name)
        least = LEAST_BUNDLE.get(resource.kind.struct.KIND)
        return found is not None and (least is None or _bundle(found[0]) >= least)

    async def change_of(self, resource: Resource, within: float = LOOK_AGAIN) -> None:
        """Waits until the definition of a kind has changed, or for so many seconds where changes are not known."""
        event = self._waiting[resource.definition]
        try:
            async with asyncio.timeout(within if self._is_forbidden or self.may_have(resource) else None):
                await event.wait()
        except TimeoutError:
            return
        event.clear()

    def _changed(self, name: str) -> None:
        if name:
            self._waiting[name].set()
        else:
            self._is_forbidden = False
            self.is_known.set()


def _bundle(text: str) -> tuple[int, ...]:
    """`v1.4.0-rc.1` -> (1, 4, 0); what cannot be read is new enough."""
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found else (1_000_000,)
