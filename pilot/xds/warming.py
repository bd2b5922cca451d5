"""Which endpoint resources an updated cluster waits for.

In: a set of clusters, the names of those that were updated. Out: names of ClusterLoadAssignments. Does not send
anything: the session owes the client what is named here.

Envoy keeps a new or updated cluster warming until endpoints arrive *after* the cluster, even if it holds the same
endpoints already, and (as Istio's clusters set no time-out for that) waits for ever. A listener needs nothing of the
kind: Envoy shares the routes that it has. Source: xDS protocol, "Resource warming"; xDS behaviour 1.8.3, 1.9.6.
"""

from collections.abc import Iterable

from envoy.config.cluster.v3 import cluster_pb2
from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError

from pilot.resources import Resource, ResourceSet


def endpoints_behind(clusters: ResourceSet, updated: Iterable[str]) -> frozenset[str]:
    """Names under which the updated clusters ask for their endpoints; a cluster without such is left out."""
    names = (_endpoints_of(clusters[name]) for name in updated if name in clusters)
    return frozenset(name for name in names if name)


def _endpoints_of(cluster: Resource) -> str:
    try:
        decoded = cluster_pb2.Cluster.FromString(Any.FromString(cluster.body).value)
    except DecodeError:
        return cluster.name  # the client will refuse it; until then, one resource too many is harmless
    if decoded.type != cluster_pb2.Cluster.EDS:
        return ""
    return str(decoded.eds_cluster_config.service_name or cluster.name)
