"""Where pods run, for the certificate authority: answered from the current snapshot.

In: the mesh, which of its clusters. Out: what `ca.authn.impersonation.Pods` asks. Decides nothing.
Source: certificate authority behaviour 1.9.
"""

from ca.authn.impersonation import PlacedPod
from ca.authn.local_issuer import uid_of
from pilot.mesh import Mesh
from pilot.model.kubernetes import Pod
from pilot.model.snapshot import Snapshot


class SnapshotPods:
    """The pods of one cluster; those that have ended are not among them."""

    def __init__(self, mesh: Mesh, cluster: str | None = None) -> None:
        """`cluster`: the id of another one than our own."""
        self._mesh, self._cluster = mesh, cluster

    def find(self, namespace: str, name: str) -> PlacedPod | None:
        """One pod. Where its YAML names no uid, it is `uid_of` the pod, which local tokens have."""
        snapshot = self._snapshot()
        workload = snapshot.workloads.pod(namespace, name)
        declared = snapshot.objects.get(Pod, namespace, name)
        if workload is None or declared is None:
            return None
        return PlacedPod(declared.metadata.uid or uid_of(namespace, name), workload.account, workload.node)

    def runs_on(self, node: str, namespace: str, service_account: str) -> bool:
        """Whether some pod of the account runs on the node."""
        workloads = self._snapshot().workloads
        found = (workloads.get(key) for key in workloads.by_node.get(node, ()) if key[1] == namespace)
        return any(each is not None and each.is_pod and each.account == service_account for each in found)

    def _snapshot(self) -> Snapshot:
        mesh = self._mesh.snapshot
        return mesh if self._cluster is None else mesh.remotes.get(self._cluster, _NO_PODS)


_NO_PODS = Snapshot()
