"""The WasmPlugins of a proxy, and the credentials that their images need.

In: the WasmPlugins of the mesh, a proxy, what it may have. Out: plugins in the order in which they stand, the same
tuple for proxies with the same ones; the credentials of registries by plugin. Source: xDS behaviour 7.0, 7.2.
"""

from collections.abc import Mapping
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


@dataclass(frozen=True, slots=True, eq=False)
class Plugins:
    """What a proxy loads; compared by identity."""

    ordered: tuple[CheckedPlugin, ...] = ()
    """By priority, the highest first; phases are looked at where filters are made."""
    pull_secrets: Mapping[str, Confidential] = field(default_factory=dict)
    """Docker's configuration by resource name of the plugin, for proxies that proved who they are."""


NO_PLUGINS = Plugins()
_PLUGINS: Interner[Plugins] = Interner(1024)


def plugins_of(snapshot: Snapshot, proxy: Proxy, identified: Identified, access: CredentialAccess) -> Plugins:
    """The plugins of a proxy."""
    declared, root = snapshot.extensions.wasm_plugins, snapshot.mesh.root_namespace
    if not declared.namespaces:
        return NO_PLUGINS
    ordered = _ordered(identified, declared, root, proxy.traits, snapshot.features.selector_gateway_policy)
    if not ordered:
        return NO_PLUGINS
    secrets = _pull_secrets(ordered, snapshot.credentials, (access.namespace, root)) if access.namespace else {}
    key = (id(ordered), tuple((name, id(secret)) for name, secret in secrets.items()))
    return _PLUGINS.same(key, Plugins(ordered, secrets))


@latest(size=_PROXIES)
def _ordered(
    identified: Identified, declared: Policies[CheckedPlugin], root: str, traits: Traits, reach: bool
) -> tuple[CheckedPlugin, ...]:
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
