"""Where workloads are: region, zone and subzone, from labels of pods and nodes.

In: labels. Out: `region/zone/subzone` with missing trailing parts left out, and labels that say so.
Source: xDS behaviour 1.4, 2.5.
"""

from collections.abc import Mapping

REGION = "topology.kubernetes.io/region"
ZONE = "topology.kubernetes.io/zone"
SUBZONE = "topology.istio.io/subzone"
CLUSTER = "topology.istio.io/cluster"
NETWORK = "topology.istio.io/network"
HOSTNAME = "kubernetes.io/hostname"
LOCALITY = "topology.istio.io/locality"
_OLD_LOCALITY = "istio-locality"
_OLD_REGION = "failure-domain.beta.kubernetes.io/region"
_OLD_ZONE = "failure-domain.beta.kubernetes.io/zone"


def locality_of_label(labels: Mapping[str, str]) -> str:
    """What a workload's own label says; `.` separates too, as `/` cannot be in a label value."""
    value = labels.get(LOCALITY) or labels.get(_OLD_LOCALITY) or ""
    return value if "/" in value else value.replace(".", "/")


def locality_of_node(labels: Mapping[str, str]) -> str:
    """What the labels of a Kubernetes node say; empty where they say nothing."""
    region = labels.get(REGION) or labels.get(_OLD_REGION, "")
    zone = labels.get(ZONE) or labels.get(_OLD_ZONE, "")
    return f"{region}/{zone}/{labels.get(SUBZONE, '')}".rstrip("/")


def locality_of_proxy(labels: Mapping[str, str], fallback: str) -> str:
    """Where a proxy is: topology labels, else its locality label (`.` as it is), else what its node said."""
    if REGION in labels or ZONE in labels or SUBZONE in labels:
        return f"{labels.get(REGION, '')}/{labels.get(ZONE, '')}/{labels.get(SUBZONE, '')}".rstrip("/")
    return labels.get(LOCALITY) or labels.get(_OLD_LOCALITY) or fallback


def split_locality(locality: str) -> tuple[str, str, str]:
    """Region, zone, subzone; missing parts are empty."""
    region, _, rest = locality.partition("/")
    zone, _, subzone = rest.partition("/")
    return region, zone, subzone


def add_topology(
    labels: Mapping[str, str], *, locality: str, cluster_id: str, network: str, node: str
) -> Mapping[str, str]:
    """The labels with those that say where the workload runs; a network label of its own stays."""
    region, zone, subzone = split_locality(locality)
    topology = {REGION: region, ZONE: zone, SUBZONE: subzone, CLUSTER: cluster_id, HOSTNAME: node}
    added = {**labels, **{key: value for key, value in topology.items() if value}}
    if network:
        added.setdefault(NETWORK, network)
    return added
