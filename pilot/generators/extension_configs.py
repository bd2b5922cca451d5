"""Extension configurations (ECDS): what filters ask for by name, so that a new one drains no listener.

In: a view and names. Out: those that EnvoyFilters add, then those of WasmPlugins. Source: xDS behaviour 7.1, 7.2.
"""

from pilot.generators.patching import sets
from pilot.generators.wasm import configurations
from pilot.resources import ResourceSet, resource_set
from pilot.view.proxy_view import ProxyView


def build(view: ProxyView, names: frozenset[str]) -> ResourceSet:
    """The configurations of these names; names that nothing has are left out."""
    plugins = configurations.build(view.plugins, view.traits.flavour, names)
    return resource_set((*sets.extensions(view, names), *plugins))
