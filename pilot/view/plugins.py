"""The WasmPlugins of a proxy, and the credentials that their images need.

In: the WasmPlugins of the mesh, a proxy, what it may have. Out: plugins in the order in which they stand, the same
tuple for proxies with the same ones; the credentials of registries by plugin. Source: xDS behaviour 7.0, 7.2.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pilot.memo import latest
from pilot.model.confidential import Confidential
from pilot.model.credentials import Credentials
from pilot.model.interning import Interner, same_tuple
from pilot.model.policy_attachment import Policies, WorkloadPlace
from pilot.model.snapshot import Snapshot
from pilot.model.wasm_plugins import CheckedPlugin, in_order
from pilot.view.credential_access import CredentialAccess
from pilot.view.proxy import Proxy, ProxyKind, Traits
from pilot.view.workload_lookup import Identified

_PROXIES = 8192  # arbitrary: connected proxies of which the last answer is remembered


Ordered = tuple[CheckedPlugin, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Plugins:
    """What a proxy loads; compared by identity."""

    ordered: tuple[CheckedPlugin, ...] = ()
    """By priority, the highest first; phases are looked at where filters are made."""
    pull_secrets: Mapping[str, Confidential] = field(default_factory=dict)
    """Docker's configuration by resource name of the plugin, for proxies that proved who they are."""
    others: Ordered = ()
    """Waypoints: those for services behind it only."""


NO_PLUGINS = Plugins()
_PLUGINS: Interner[Plugins] = Interner(1024)


def plugins_of(snapshot: Snapshot, proxy: Proxy, identified: Identified, access: CredentialAccess) -> Plugins:
    """The plugins of a proxy."""
    declared, root = snapshot.extensions.wasm_plugins, snapshot.mesh.root_namespace
    if not declared.namespaces:
        return NO_PLUGINS
    ordered = _ordered(identified, declared, root, proxy.traits, snapshot.features.selector_gateway_policy)
    return _plugins(snapshot, ordered, (), access)


def plugins_at(snapshot: Snapshot, place: WorkloadPlace) -> Ordered:
    """What a waypoint loads for the traffic to a service. `place`: one object for one."""
    declared = snapshot.extensions.wasm_plugins
    return _ordered_at(place, declared, snapshot.mesh.root_namespace) if declared.namespaces else ()


@latest(size=65_536)
def _ordered_at(place: WorkloadPlace, declared: Policies[CheckedPlugin], root: str) -> Ordered:
    return same_tuple(in_order(declared.of(root, place), (place.namespace, root, *place.namespaces)))


def served(snapshot: Snapshot, own: Plugins, others: Iterable[Ordered], access: CredentialAccess) -> Plugins:
    """The plugins of a waypoint with those for its services: their configurations are served by name."""
    known = set(map(id, own.ordered))
    added = {id(each): each for ordered in others for each in ordered if id(each) not in known}
    return _plugins(snapshot, own.ordered, same_tuple(tuple(added.values())), access) if added else own


def _plugins(snapshot: Snapshot, ordered: Ordered, others: Ordered, access: CredentialAccess) -> Plugins:
    if not ordered and not others:
        return NO_PLUGINS
    namespaces = (access.namespace, snapshot.mesh.root_namespace)
    secrets = _pull_secrets((*ordered, *others), snapshot.credentials, namespaces) if access.namespace else {}
    key = (id(ordered), id(others), tuple((name, id(secret)) for name, secret in secrets.items()))
    return _PLUGINS.same(key, Plugins(ordered, secrets, others))


@latest(size=_PROXIES)
def _ordered(
    identified: Identified, declared: Policies[CheckedPlugin], root: str, traits: Traits, reach: bool
) -> Ordered:
    place = WorkloadPlace(traits.namespace, identified.labels, traits.kind is ProxyKind.WAYPOINT, reach)
    return same_tuple(in_order(declared.of(root, place), (traits.namespace, root)))


def _pull_secrets(
    plugins: tuple[CheckedPlugin, ...], credentials: Credentials, namespaces: tuple[str, ...]
) -> dict[str, Confidential]:
    """Of Secrets beside their plugin, in the namespace that the proxy proved to be from or in the root namespace."""
    found = {}
    for each in plugins:
        name, namespace = each.spec.image_pull_secret, each.key.namespace
        secret = credentials.secrets.get(namespace, {}).get(name) if name and namespace in namespaces else None
        value = secret.value("dockerconfigjson") if secret is not None else None
        if value is not None:
            found[each.resource_name] = value
    return found
