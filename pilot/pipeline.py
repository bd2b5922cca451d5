"""The product on one page: what a proxy is to have, as a pure function of a snapshot.

    Node -> view.node.parse_node -> Proxy
    (Snapshot, Proxy) -> view.build -> ProxyView
    (ProxyView, names) -> generators -> ResourceSet

Every step is memoized on the parts it uses, so the second proxy of a class costs a few dictionary look-ups and a change
costs what depends on it. No I/O, no clock: `diff`, `explain` and tests call it as the server does.
"""

from collections.abc import Callable, Mapping

from pilot.generators import clusters, endpoints, listeners, nds, routes
from pilot.model.snapshot import Snapshot
from pilot.resources import EMPTY, ResourceSet
from pilot.type_urls import CLUSTER, ENDPOINT, EXTENSION_CONFIG, LISTENER, NAME_TABLE, ROUTE, TypeUrl
from pilot.view import build
from pilot.view.proxy import Proxy
from pilot.view.proxy_view import ProxyView

Generator = Callable[[ProxyView, frozenset[str]], ResourceSet]

_GENERATORS: Mapping[TypeUrl, Generator] = {
    CLUSTER: lambda view, _: clusters.build(view),
    ENDPOINT: endpoints.build,
    LISTENER: lambda view, _: listeners.build(view),
    ROUTE: routes.build,
    NAME_TABLE: lambda view, _: nds.build(view),
    EXTENSION_CONFIG: lambda _, __: EMPTY,
}


def resources_for(
    snapshot: Snapshot, proxy: Proxy, type_url: TypeUrl, names: frozenset[str] = frozenset()
) -> ResourceSet | None:
    """Everything `proxy` is to have of a type; of a type asked for by name, the `names`.

    None: the type is not served to this proxy, not even an empty answer.
    """
    generate = _GENERATORS.get(type_url)
    return generate(build.build(snapshot, proxy), names) if generate else None
