"""What of the configuration is not served as it is written: every problem of a snapshot, as data.

In: a snapshot. Out: `Problem`s, for logs, the debug page and commands. Looks at objects and never at proxies: what only
some proxies see is judged for those that an object speaks to. Generating does not wait for it, and it logs nothing.
"""

from datetime import datetime

from pilot.generators import conflicts, credential_problems, destination_problems
from pilot.generators.patching.plan import fault_of
from pilot.generators.routes import validity
from pilot.memo import memoized
from pilot.model.envoy_filters import CheckedFilter
from pilot.model.policy_attachment import Policies
from pilot.model.problem import Problem
from pilot.model.routing import ResolvedVirtualService
from pilot.model.sidecar import Sidecar
from pilot.model.snapshot import Snapshot


def find(snapshot: Snapshot) -> tuple[Problem, ...]:
    """Everything that is wrong with the configuration as a whole; what is wrong with files is their source's part.

    Costs little for parts that stayed the same since the last call.
    """
    settings = snapshot.settings
    return (
        *snapshot.problems,
        *_of_routes(snapshot.virtual_services),
        *destination_problems.find(snapshot.virtual_services, snapshot.rules, snapshot.services),
        *conflicts.of_virtual_services(snapshot.virtual_services),
        *conflicts.of_services(snapshot.services, settings.mesh),
        *conflicts.of_gateways(snapshot.gateways, settings.features),
        *credential_problems.find(snapshot.gateways, snapshot.credentials, snapshot.workloads),
        *(problem for each in snapshot.seen.of(Sidecar) for problem in conflicts.of_sidecar(each)),
        *_of_patches(snapshot.extensions.envoy_filters),
    )


def of_time(snapshot: Snapshot, now: datetime) -> tuple[Problem, ...]:
    """What is wrong now that was not always wrong."""
    return tuple(credential_problems.expired(snapshot.credentials, now))


@memoized(size=4)
def _of_routes(services: tuple[ResolvedVirtualService, ...]) -> tuple[Problem, ...]:
    return tuple(problem for each in services for problem in validity.problems(each))


@memoized(size=4)
def _of_patches(declared: Policies[CheckedFilter]) -> tuple[Problem, ...]:
    """Values of EnvoyFilters that are not, or not in full, what Envoy has."""
    patches = (patch for each in declared.all() for patch in each.patches)
    return tuple(
        Problem(fault, patch.key, field=f"{patch.field}.patch.value") for patch in patches if (fault := fault_of(patch))
    )
