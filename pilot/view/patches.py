"""The patches of EnvoyFilters that apply to a proxy, in the order in which they take effect.

In: the EnvoyFilters of the mesh, a proxy and the labels of its workload. Out: one tuple, the same object for all
proxies to which the same patches apply; the empty one costs nothing further. Source: xDS behaviour 7.0, 7.1.
"""

from pilot.memo import latest, memoized
from pilot.model.envoy_filter import ApplyTo, Operation, PatchContext
from pilot.model.envoy_filters import CheckedFilter, Patch, applies_to_proxy
from pilot.model.interning import same_tuple
from pilot.model.policy_attachment import Policies, WorkloadPlace
from pilot.model.snapshot import Snapshot
from pilot.view.proxy import Proxy, ProxyKind, Traits
from pilot.view.workload_lookup import Identified

Patches = tuple[Patch, ...]
NO_PATCHES: Patches = ()
_PROXIES = 8192  # arbitrary: connected proxies of which the last answer is remembered
_BODY_LIMIT = ("max_direct_response_body_size_bytes", "maxDirectResponseBodySizeBytes")


def patches_of(snapshot: Snapshot, proxy: Proxy, identified: Identified) -> Patches:
    """The patches for a proxy."""
    declared = snapshot.extensions.envoy_filters
    if not declared.namespaces:
        return NO_PATCHES
    filters = _filters(
        identified,
        declared,
        snapshot.mesh.root_namespace,
        proxy.traits,
        snapshot.features.selector_gateway_policy,
    )
    patches, is_choosy = _patches(filters)
    if not is_choosy:
        return patches
    version, metadata = proxy.istio_version_text, proxy.raw_metadata
    return same_tuple(tuple(each for each in patches if applies_to_proxy(each.match.proxy, version, metadata)))


@latest(size=_PROXIES)
def _filters(
    identified: Identified, declared: Policies[CheckedFilter], root: str, traits: Traits, reach: bool
) -> tuple[CheckedFilter, ...]:
    place = WorkloadPlace(traits.namespace, identified.labels, traits.kind is ProxyKind.WAYPOINT, reach)
    found = declared.of(root, place)  # of the root namespace first, each by creation time, then name
    return same_tuple(tuple(sorted(found, key=lambda each: each.priority)))


@memoized(size=1024)
def _patches(filters: tuple[CheckedFilter, ...]) -> tuple[Patches, bool]:
    """The patches of these EnvoyFilters, and whether some are for some versions or metadata only."""
    patches = tuple(patch for each in filters for patch in each.patches)
    return same_tuple(patches), any(each.match.proxy is not None for each in patches)


def body_limit_of(snapshot: Snapshot) -> int:
    """The size of direct responses that some EnvoyFilter sets for route configurations; 0: none does.

    istiod: has one number for all route configurations of the mesh, and a patch of it reaches every proxy.
    """
    declared = snapshot.extensions.envoy_filters
    return _body_limit(declared) if declared.namespaces else 0


@memoized(size=4)
def _body_limit(declared: Policies[CheckedFilter]) -> int:
    found = 0
    filters = sorted(declared.all(), key=lambda each: (each.priority, each.created, each.key.name))
    for each in (patch for checked in filters for patch in checked.patches):
        if (each.apply_to, each.operation) == (ApplyTo.ROUTE_CONFIGURATION, Operation.MERGE):
            value = next((each.value[name] for name in _BODY_LIMIT if name in each.value), 0)
            if isinstance(value, int) and 0 < value < 2**32 and each.match.context is not PatchContext.WAYPOINT:
                found = value
    return found
