"""The mesh as the xDS server asks for it: the current snapshot, and who may ask.

In: snapshots, as they come; nodes and their identities. Out: proxies and their resources. The only mutable thing is
which snapshot is current; everything else is `pipeline.py`.
"""

import re
from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from typing import Any

from pilot import memo, pipeline
from pilot.errors import NotReady, PermissionDenied
from pilot.model.snapshot import Snapshot
from pilot.resources import ResourceSet
from pilot.type_urls import PROXY_CONFIG, SECRET, TypeUrl
from pilot.view import node as nodes
from pilot.view.proxy import Proxy

_SPIFFE = re.compile(r"spiffe://[^/]+/ns/(?P<namespace>[^/]+)/sa/(?P<account>[^/]+)")


class Mesh:
    """What is served now."""

    def __init__(self, snapshot: Snapshot, *, check_identity: bool = True) -> None:
        self._moment = pipeline.Moment(snapshot)
        self.is_listed = False
        """Whether the source has said everything that exists."""
        self._check_identity = check_identity
        self.may_list_is_known: Callable[[str, str], bool] = lambda cluster, identity: True
        """Whether it is known if an identity may list Secrets of a cluster; who waits for that gets none until then."""

    @property
    def snapshot(self) -> Snapshot:
        """The current one. Another one is served from the moment that it is set."""
        return self._moment.snapshot

    @snapshot.setter
    def snapshot(self, snapshot: Snapshot) -> None:
        before = self._moment
        if snapshot is before.snapshot:
            return
        if before.was_asked and _structure(snapshot) != _structure(before.snapshot):
            memo.turn()
        self._moment = pipeline.Moment(snapshot, before)

    def connect(self, node: Any, identities: tuple[str, ...] | None, /) -> Proxy:
        """The proxy behind a stream's first request; `identities` is None for plaintext streams.

        Raises: NotReady, BadNode, PermissionDenied.
        """
        if not self.is_listed:
            raise NotReady("server is not ready to serve discovery information")
        proxy = nodes.parse_node(node, self.snapshot.features)
        if identities is not None and self._check_identity:
            return replace(proxy, identity=verify_identity(proxy, identities))
        return proxy

    trust_bundle: ResourceSet | None = None
    """The roots of a mesh that may have several; the same for all."""

    def resources_for(self, proxy: Proxy, type_url: TypeUrl, names: frozenset[str] | None, /) -> ResourceSet | None:
        """What `proxy` is to have now; `names` None: everything. None: not known yet."""
        if type_url == PROXY_CONFIG:
            return self.trust_bundle
        if type_url == SECRET and not self._may_list_is_known(proxy):
            return None
        return self._moment.resources_for(proxy, type_url, names)

    def _may_list_is_known(self, proxy: Proxy) -> bool:
        return not proxy.identity or self.may_list_is_known(proxy.traits.cluster_id, proxy.identity)

    def steps(self, proxy: Proxy, type_url: TypeUrl, names: frozenset[str] | None, /) -> Iterator[None] | None:
        """The work that the next question of this kind means, in small pieces; None: it is done."""
        return self._moment.steps(proxy, type_url, names)


def _structure(snapshot: Snapshot) -> tuple[int, ...]:
    """The same for snapshots that differ in endpoints only."""
    parts = (
        *(snapshot.service_index, snapshot.routing, snapshot.rules, snapshot.settings, snapshot.gateways),
        *(snapshot.sidecars, snapshot.peer_authentications),
    )
    return tuple(map(id, parts))


def class_of(proxy: Proxy) -> Hashable:
    """Equal for proxies that judge alike what they are sent: replicas of one workload, with one binary."""
    return proxy.traits, tuple(sorted(proxy.labels.items())), proxy.service_account, proxy.istio_version


def verify_identity(proxy: Proxy, identities: tuple[str, ...]) -> str:
    """The first identity that is the proxy's own. Raises: PermissionDenied. Source: xDS behaviour 1.5."""
    namespace, account = proxy.traits.namespace, proxy.service_account
    for identity in identities:
        found = _SPIFFE.fullmatch(identity)
        if found and namespace in ("", found["namespace"]) and account in ("", found["account"]):
            return identity
    shown = ", ".join(identities)
    raise PermissionDenied(f"authorization failed: no identities ({shown}) matched {namespace}/{account}")
