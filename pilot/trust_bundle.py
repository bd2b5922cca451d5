"""Everything that the mesh trusts, where it may trust several roots (ISTIO_MULTIROOT_MESH): PCDS.

In: the roots of our CA and of a registration authority, `caCertificates` of the mesh's configuration: PEM, and
addresses of SPIFFE bundles, which are fetched. Out: one resource of type ProxyConfig with all of them, each time that
they change. An address that does not answer keeps what it said last.
Source: certificate authority behaviour 1.12 "Multi-root"; xDS behaviour 1.4 (PCDS).
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import NoReturn

from ca.authn.key_sets import Fetch
from ca.authority import Authority
from ca.distribution import merge_roots
from ca.errors import BundleError, KeySetError
from ca.spiffe_bundle import decode_bundle
from istio_api import proxy_config_pb2
from pilot.model.mesh import MeshConfig
from pilot.resources import ResourceSet, resource, resource_set
from pilot.type_urls import PROXY_CONFIG

LOOK = 0.5
"""Seconds between two looks at the sources; arbitrary."""
REFRESH = 30 * 60.0
FIRST_RETRY, GIVE_UP = 0.05, 10.0
"""Seconds: the pause after a failed fetch doubles; after so many seconds it waits for the next refresh."""

_log = logging.getLogger("trustBundle")


class TrustBundle:
    """`serve` it."""

    def __init__(
        self, mesh: Callable[[], MeshConfig], authority: Authority | None, registered: Callable[[], str], fetch: Fetch
    ) -> None:
        """`registered`: PEM of a registration authority's roots."""
        self._mesh = mesh
        self._authority = authority
        self._registered = registered
        self._fetch = fetch
        self._fetched: dict[str, str] = {}
        self.roots: tuple[str, ...] = ()
        """PEM, one each, sorted."""

    async def serve(self, publish: Callable[[tuple[str, ...]], None]) -> NoReturn:
        """Publishes what is trusted, now and after each change; ends only by cancellation."""
        reported: tuple[str, ...] = ()
        fetching: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                wanted = {each.spiffe_bundle_url for each in self._mesh().ca_certificates if each.spiffe_bundle_url}
                for gone in set(fetching) - wanted:
                    fetching.pop(gone).cancel()
                    self._fetched.pop(gone, None)
                fetching |= {url: asyncio.create_task(self._follow(url)) for url in wanted - set(fetching)}
                roots, problems = merge_roots(self._sources())
                if problems != reported:
                    reported = problems
                    for each in problems:
                        _log.error(f"roots of the mesh: {each}")
                if roots != self.roots:
                    self.roots = roots
                    publish(roots)
                await asyncio.sleep(LOOK)
        finally:
            for task in fetching.values():
                task.cancel()

    def _sources(self) -> Iterator[tuple[str, str]]:
        if self._authority is not None:
            yield "our CA", self._authority.bundle.roots
        if self._registered():
            yield "registration authority", self._registered()
        for number, each in enumerate(self._mesh().ca_certificates):
            if each.pem:
                yield f"caCertificates[{number}]", each.pem
        yield from self._fetched.items()

    async def _follow(self, url: str) -> None:
        while True:
            await self._try(url)
            await asyncio.sleep(REFRESH)

    async def _try(self, url: str) -> None:
        clock, pause = asyncio.get_running_loop().time, FIRST_RETRY
        deadline = clock() + GIVE_UP
        while True:
            try:
                if not url.startswith("https://"):
                    raise KeySetError(f"{url[:200]!r}: expected an https URL")
                self._fetched[url] = "".join(decode_bundle(await self._fetch(url)))
                return
            except (KeySetError, BundleError) as error:
                if clock() + pause > deadline:
                    _log.warning(f"SPIFFE bundle of {url[:200]}: {error}")
                    return
            await asyncio.sleep(pause)
            pause *= 2


def build(roots: tuple[str, ...]) -> ResourceSet:
    """The one resource of the type; it has no name."""
    message = proxy_config_pb2.ProxyConfig(ca_certificates_pem=roots)
    return resource_set([resource(PROXY_CONFIG, "", message)])
