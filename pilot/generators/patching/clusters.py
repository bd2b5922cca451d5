"""Patches of clusters.

In: one cluster as a resource, which side it belongs to, a plan. Out: the cluster after the patches; clusters that
patches add. A cluster that no patch means is not even parsed. Source: xDS behaviour 7.1 (CLUSTER, Rules).
"""

from collections.abc import Iterator
from typing import Any, Final

from envoy.config.cluster.v3.cluster_pb2 import Cluster

from pilot.generators.patching.merging import MergeError, merge, merged_any
from pilot.generators.patching.plan import Plan, Step
from pilot.generators.patching.tally import Patched, Tally, unharmed
from pilot.generators.patching.wire import message_of, resource_after
from pilot.memo import memoized
from pilot.model.cluster_name import ClusterName
from pilot.model.envoy_filter import ApplyTo, ClusterMatch, Operation, PatchContext
from pilot.resources import Resource, resource
from pilot.type_urls import CLUSTER

_ADDS_ANY: Final = frozenset({PatchContext.SIDECAR_OUTBOUND, PatchContext.GATEWAY})


@memoized(size=131_072)
@unharmed
def patch_cluster(made: Resource, hosts: tuple[str, ...], context: PatchContext, plan: Plan) -> Patched:
    """The cluster after the patches of a plan; `hosts` are the services behind an inbound one."""
    steps = [each for each in plan.steps.get(ApplyTo.CLUSTER, ()) if each.operation is not Operation.ADD]
    meant = _meant(steps, made.name, hosts, context) if steps else []
    if not meant:
        return Patched(made)
    cluster, tally = message_of(Cluster, made), Tally()
    for step in meant:
        if step.operation is Operation.REMOVE:
            tally.count(step)
            return Patched.of(None, tally)
        try:
            _merge(cluster, step.value)
            tally.count(step)
        except MergeError as error:
            tally.fail(step, str(error))
    return Patched.of(resource_after(CLUSTER, made, cluster, tally, plan), tally)


def _meant(steps: list[Step], name: str, hosts: tuple[str, ...], context: PatchContext) -> list[Step]:
    parts = ClusterName.parse(name)
    hosts = hosts or ((parts.host,) if parts is not None else ())
    return [each for each in steps if each.fits(context) and _matches(each.patch.match.cluster, name, parts, hosts)]


def _matches(match: ClusterMatch | None, name: str, parts: ClusterName | None, hosts: tuple[str, ...]) -> bool:
    if match is None:
        return True
    if match.name:
        return match.name == name
    if parts is None:
        return not (match.subset or match.service or match.port_number)
    if match.subset and match.subset != parts.subset:
        return False
    if match.service and match.service not in hosts:
        return False
    return not match.port_number or match.port_number == parts.port


def _merge(cluster: Any, value: Any) -> None:
    """A transport socket goes into the one of that name or in place of another; nothing else of the patch counts.

    Where connections choose among sockets, one more beside them would be invalid: the patch is left alone.
    """
    if not value.HasField("transport_socket"):
        merge(cluster, value)
        return
    wanted = value.transport_socket
    if cluster.transport_socket_matches:
        for each in cluster.transport_socket_matches:
            if each.transport_socket.name == wanted.name:
                merge_socket(each.transport_socket, wanted)
                return
        raise MergeError(f"expected a transport socket match with socket {wanted.name}, got none in {cluster.name}")
    if cluster.HasField("transport_socket") and cluster.transport_socket.name == wanted.name:
        merge_socket(cluster.transport_socket, wanted)
    else:
        cluster.transport_socket.CopyFrom(wanted)


def merge_socket(socket: Any, patch: Any) -> None:
    """Merges the configuration of a transport socket into one of the same name. Raises: MergeError."""
    if socket.HasField("typed_config") and patch.HasField("typed_config"):
        socket.typed_config.CopyFrom(merged_any(socket.typed_config, patch.typed_config))


@memoized(size=1024)
def added_clusters(context: PatchContext, plan: Plan) -> tuple[Patched, ...]:
    """The clusters that patches add on one side; those for any context are outbound ones, or a gateway's."""
    return tuple(_added(context, plan))


def _added(context: PatchContext, plan: Plan) -> Iterator[Patched]:
    for step in plan.steps.get(ApplyTo.CLUSTER, ()):
        if step.operation is not Operation.ADD or not step.fits(context):
            continue
        if step.patch.match.context is PatchContext.ANY and context not in _ADDS_ANY:
            continue
        tally = Tally()
        tally.count(step)
        made = resource(CLUSTER, step.value.name, step.value, (step.patch.origin,))
        yield Patched.of(made, tally)
