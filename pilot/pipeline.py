"""The product on one page: what a proxy is to have, as a pure function of a snapshot.

    Node -> view.node.parse_node -> Proxy
    (Snapshot, Proxy) -> view.build -> ProxyView
    (ProxyView, names) -> generators -> ResourceSet

Every step is memoized on the parts it uses, so a change costs what depends on it. `Moment` adds what holds while a
snapshot is served: proxies of one class share one view, and each question about it is answered once. No I/O, no clock:
`diff`, `explain` and tests call it as the server does.
"""

from collections.abc import Callable, Iterator, Mapping

from pilot.generators import clusters, endpoints, listeners, nds, routes, secrets
from pilot.memo import Memoized
from pilot.model.interning import Interner
from pilot.model.snapshot import Snapshot
from pilot.resources import EMPTY, ResourceSet
from pilot.type_urls import CLUSTER, ENDPOINT, EXTENSION_CONFIG, LISTENER, NAME_TABLE, ROUTE, SECRET, TypeUrl
from pilot.view import build
from pilot.view.proxy import Proxy
from pilot.view.proxy_view import ProxyView

Generator = Callable[[ProxyView, frozenset[str]], ResourceSet | None]

_GENERATORS: Mapping[TypeUrl, Generator] = {
    CLUSTER: lambda view, _: clusters.build(view),
    ENDPOINT: endpoints.build,
    LISTENER: lambda view, _: listeners.build(view),
    ROUTE: routes.build,
    SECRET: secrets.build,
    NAME_TABLE: lambda view, _: nds.build(view),
    EXTENSION_CONFIG: lambda _, __: EMPTY,
}
_STEPS: Mapping[TypeUrl, Callable[[ProxyView, frozenset[str]], Iterator[None]]] = {
    CLUSTER: lambda view, _: clusters.steps(view),
    ENDPOINT: endpoints.steps,
    ROUTE: routes.steps,
}
"""Of types of which there can be thousands: the same work as generating, in small pieces."""
_PROXIES = 8192
_CLASSES = 1024
_ANSWERS = 16_384
"""Arbitrary sizes: more than one process serves at once. Beyond them a look-up costs a computation."""


def resources_for(
    snapshot: Snapshot, proxy: Proxy, type_url: TypeUrl, names: frozenset[str] = frozenset()
) -> ResourceSet | None:
    """Everything `proxy` is to have of a type; of a type asked for by name, the `names`.

    None: the type is not served to this proxy, not even an empty answer.
    """
    return _generate(build.build(snapshot, proxy), type_url, names)


def _generate(view: ProxyView, type_url: TypeUrl, names: frozenset[str]) -> ResourceSet | None:
    generate = _GENERATORS.get(type_url)
    return generate(view, names) if generate else None


class Moment:
    """A snapshot that is being served, and the answers given so far; it goes when the next snapshot comes."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._classes: Interner[ProxyView] = Interner(_CLASSES)
        self._views = Memoized(self._view, _PROXIES)
        self._answers = Memoized(_generate, _ANSWERS)

    def resources_for(self, proxy: Proxy, type_url: TypeUrl, names: frozenset[str]) -> ResourceSet | None:
        """As the function of that name. `names` are compared by identity: equal sets should be one object."""
        return self._answers(self._views(proxy), type_url, names)

    @property
    def was_asked(self) -> bool:
        """Somebody was given an answer."""
        return self._answers.calls > 0

    def steps(self, proxy: Proxy, type_url: TypeUrl, names: frozenset[str]) -> Iterator[None]:
        """What `resources_for` would have to compute, in pieces far below a millisecond each; nothing if it knows."""
        view, cut = self._views(proxy), _STEPS.get(type_url)
        if cut is not None and not self._answers.knows(view, type_url, names):
            yield from cut(view, names)

    def _view(self, proxy: Proxy) -> ProxyView:
        """The view of the first proxy of this class."""
        made = build.build(self.snapshot, proxy)
        return self._classes.same(made.key, made)
