"""The product on one page: what a proxy is to have, as a pure function of a snapshot.

    Node -> view.node.parse_node -> Proxy
    (Snapshot, Proxy) -> view.build -> ProxyView
    (ProxyView, names) -> generators -> ResourceSet

Every step is memoized on the parts it uses, so a change costs what depends on it. `Moment` adds what holds while a
snapshot is served: proxies of one class share one view, each question about it is answered once. No I/O, no clock.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from pilot.generators import clusters, endpoints, extension_configs, listeners, nds, proxyless, routes, secrets
from pilot.generators.ambient import addresses, authorizations
from pilot.generators.patching import sets as patches
from pilot.memo import Memoized, Work, finish
from pilot.model.interning import Interner
from pilot.model.snapshot import Snapshot
from pilot.resources import ResourceSet
from pilot.type_urls import (
    ADDRESS,
    AUTHORIZATION,
    CLUSTER,
    ENDPOINT,
    EXTENSION_CONFIG,
    LISTENER,
    NAME_TABLE,
    ROUTE,
    SECRET,
    WORKLOAD,
    TypeUrl,
)
from pilot.view import ambient, build, renewal
from pilot.view.ambient import AmbientView
from pilot.view.proxy import Proxy, ProxyKind
from pilot.view.proxy_view import ProxyView

Answer = ResourceSet | None
Names = frozenset[str] | None
"""Of the resources that are asked for; None: all there are."""
Generator = Callable[[ProxyView, Names], Work[Answer]]
_NO_NAMES: frozenset[str] = frozenset()


def _in_one_piece(build: Callable[[ProxyView, Names], Answer]) -> Generator:
    def work(view: ProxyView, names: Names) -> Work[Answer]:
        yield from ()
        return build(view, names)

    return work


_GENERATORS: Mapping[TypeUrl, Generator] = {
    CLUSTER: lambda view, _: clusters.steps(view),
    ENDPOINT: lambda view, names: endpoints.steps(view, names or _NO_NAMES),
    LISTENER: lambda view, _: listeners.steps(view),
    ROUTE: lambda view, names: routes.steps(view, names or _NO_NAMES),
    SECRET: _in_one_piece(lambda view, names: secrets.build(view, names or _NO_NAMES)),
    NAME_TABLE: _in_one_piece(lambda view, _: nds.build(view)),
    EXTENSION_CONFIG: _in_one_piece(lambda view, names: extension_configs.build(view, names or _NO_NAMES)),
}
_PROXYLESS: Mapping[TypeUrl, Generator] = {
    CLUSTER: _in_one_piece(proxyless.clusters.build),
    LISTENER: _in_one_piece(proxyless.listeners.build),
    ROUTE: lambda view, names: proxyless.routes.steps(view, names or _NO_NAMES),
}
"""What gRPC clients and servers get instead; no EnvoyFilter is meant for them."""
_DISCOVERY: Mapping[TypeUrl, Callable[[AmbientView, Names], Work[ResourceSet]]] = {
    ADDRESS: addresses.steps,
    WORKLOAD: addresses.workload_steps,
    AUTHORIZATION: authorizations.steps,
}
"""What there is in the whole mesh, whoever asks."""
_PROXIES = 8192
_CLASSES = 1024
_ANSWERS = 16_384
"""Arbitrary sizes: more than one process serves at once. Beyond them a look-up costs a computation."""


def resources_for(snapshot: Snapshot, proxy: Proxy, type_url: TypeUrl, names: Names = None) -> ResourceSet | None:
    """Everything `proxy` is to have of a type; of a type asked for by name, the `names`.

    None: the type is not served to this proxy, not even an empty answer.
    """
    return finish(steps(snapshot, proxy, type_url, names))


def steps(snapshot: Snapshot, proxy: Proxy, type_url: TypeUrl, names: Names = None) -> Work[Answer]:
    """The same in pieces of a millisecond or so."""
    asker = proxy if type_url in _DISCOVERY else build.build(snapshot, proxy)
    return (yield from _work(snapshot, asker, type_url, names))


def _generated(snapshot: Snapshot, asker: Proxy | ProxyView, type_url: TypeUrl, names: Names) -> Answer:
    return finish(_work(snapshot, asker, type_url, names))


def _work(snapshot: Snapshot, asker: Proxy | ProxyView, type_url: TypeUrl, names: Names) -> Work[Answer]:
    """Of what is so for the whole mesh a proxy itself asks, of all else its class."""
    if isinstance(asker, ProxyView):
        return (yield from _generate(asker, type_url, names))
    if not snapshot.features.ambient:
        return None
    view = yield from ambient.steps(snapshot, asker)
    return (yield from _DISCOVERY[type_url](view, names))


def _generate(view: ProxyView, type_url: TypeUrl, names: Names) -> Work[Answer]:
    if view.traits.is_grpc and type_url in _PROXYLESS:
        return (yield from _PROXYLESS[type_url](view, names))
    generate = _GENERATORS.get(type_url)
    if generate is None or view.traits.kind is ProxyKind.ZTUNNEL:
        return None
    made = yield from generate(view, names)
    return (yield from patches.steps(made, view, type_url)) if made is not None else None


class Moment:
    """A snapshot that is being served, and the answers given so far; it goes when the next snapshot comes.

    `before`: the one that was served until now. Where only endpoints changed since, its proxies keep their classes.
    """

    def __init__(self, snapshot: Snapshot, before: "Moment | None" = None) -> None:
        self.snapshot = snapshot
        self._classes: Interner[ProxyView] = Interner(_CLASSES)
        self._views: dict[int, tuple[Proxy, ProxyView]] = {}
        """By the identity of the proxy."""
        self._former: Mapping[int, tuple[Proxy, ProxyView]] = {}
        """Views of a snapshot that differs in endpoints only."""
        if before is not None and renewal.differ_in_endpoints_only(before.snapshot, snapshot):
            self._former = {**before._former, **before._views}
        self._renewed: dict[int, ProxyView | None] = {}
        """By the identity of the former view."""
        self._answers = Memoized(partial(_generated, snapshot), _ANSWERS)
        self._underway: dict[tuple[int, TypeUrl, int], tuple[Work[Answer], Proxy | ProxyView, Names]] = {}
        """Questions that somebody has begun to answer; whoever asks them too helps."""

    def resources_for(self, proxy: Proxy, type_url: TypeUrl, names: Names) -> ResourceSet | None:
        """As the function of that name. `names` are compared by identity: equal sets should be one object."""
        return self._answers(self._asker(proxy, type_url), type_url, names)

    @property
    def was_asked(self) -> bool:
        """Somebody was given an answer."""
        return self._answers.calls > 0

    def steps(self, proxy: Proxy, type_url: TypeUrl, names: Names) -> Iterator[None] | None:
        """What `resources_for` would have to compute, in pieces of a millisecond or so; None if it knows."""
        if not ambient.is_prepared(self.snapshot, proxy):
            return ambient.prepare(self.snapshot)
        asker = self._asker(proxy, type_url)
        return None if self._answers.knows(asker, type_url, names) else self._help(asker, type_url, names)

    def _asker(self, proxy: Proxy, type_url: TypeUrl) -> Proxy | ProxyView:
        return proxy if type_url in _DISCOVERY else self._view(proxy)

    def _help(self, asker: Proxy | ProxyView, type_url: TypeUrl, names: Names) -> Iterator[None]:
        """One step more of the work that all who ask the same share."""
        key = (id(asker), type_url, id(names))
        begun = self._underway.get(key)
        if begun is None:
            begun = self._underway[key] = (_work(self.snapshot, asker, type_url, names), asker, names)
        while self._underway.get(key) is begun:
            try:
                next(begun[0])
            except StopIteration as done:
                del self._underway[key]
                self._answers.keep(done.value, asker, type_url, names)
            except Exception:
                del self._underway[key]
                raise
            else:
                yield

    def _view(self, proxy: Proxy) -> ProxyView:
        """The view of the first proxy of this class."""
        known = self._views.get(id(proxy))
        if known is not None:
            return known[1]
        view = self._inherited(proxy)
        if view is None:
            made = build.build(self.snapshot, proxy)
            view = self._classes.same(made.key, made)
        if len(self._views) >= _PROXIES:
            self._views.clear()  # a look-up may always cost a computation
        self._views[id(proxy)] = (proxy, view)
        return view

    def _inherited(self, proxy: Proxy) -> ProxyView | None:
        former = self._former.get(id(proxy))
        if former is None:
            return None
        key = id(former[1])
        if key not in self._renewed:
            made = renewal.renew(former[1], self.snapshot)
            self._renewed[key] = made and self._classes.same(made.key, made)
        return self._renewed[key]
