"""Node proxies (ztunnel) ask for certificates of the workloads on their node: who may, and for whom.

Comes in: a caller whose token is bound to a pod, and the identity wanted. Goes out: nothing, or the reason to refuse.
Where pods run is asked through a port: a mesh in files answers from its snapshot, one in Kubernetes from its watch.

Source: CA behaviour 1.9.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from ca.authn.caller import BoundPod, Caller
from ca.errors import ImpersonationError, InvalidIdError
from ca.spiffe import parse_spiffe_id


@dataclass(frozen=True, slots=True)
class PlacedPod:
    """A pod where it runs."""

    uid: str
    service_account: str
    node: str


class Pods(Protocol):
    """The pods of one cluster; those that failed are not among them."""

    def find(self, namespace: str, name: str) -> PlacedPod | None:
        """One pod, None where there is none of that name."""
        ...

    def runs_on(self, node: str, namespace: str, service_account: str) -> bool:
        """Whether some pod of the account runs on the node."""
        ...


class NodeAuthorizer:
    """Decides whether a caller may have a certificate in another's name."""

    def __init__(self, trusted: Iterable[tuple[str, str]], pods_of: Callable[[str], Pods | None]) -> None:
        """`trusted`: namespaces and service accounts of node proxies; `pods_of`: by the id of a cluster, which is
        empty where the call names none.
        """
        self._trusted = frozenset(trusted)
        self._pods_of = pods_of

    def check(self, caller: Caller, cluster_id: str, wanted: str) -> None:
        """Returns where the caller may be certified as `wanted`. Raises: ImpersonationError; says why."""
        pods = self._pods_of(cluster_id)
        if pods is None:
            raise ImpersonationError(f"cluster {cluster_id[:80]!r}: pods are not known")
        proxy = caller.pod
        if proxy is None:
            raise ImpersonationError(f"{caller.identities[0]}: expected a token that is bound to a pod")
        if (proxy.namespace, proxy.service_account) not in self._trusted:
            raise ImpersonationError(f"{proxy.namespace}/{proxy.service_account} is no trusted node account")
        try:
            identity = parse_spiffe_id(wanted)  # its trust domain is not compared: the mesh may have had another
        except InvalidIdError as error:
            raise ImpersonationError(f"wanted identity: {error}") from error
        node = _node_of(proxy, pods)
        if not pods.runs_on(node, identity.namespace, identity.service_account):
            raise ImpersonationError(f"no pod of {identity.namespace}/{identity.service_account} runs on node {node}")


def parse_accounts(texts: Iterable[str]) -> tuple[frozenset[tuple[str, str]], tuple[str, ...]]:
    """CA_TRUSTED_NODE_ACCOUNTS, each `namespace/account`: those that are, and those that are not."""
    good: set[tuple[str, str]] = set()
    bad: list[str] = []
    for text in texts:
        match text.split("/"):
            case [namespace, account] if namespace and account:
                good.add((namespace, account))
            case _:
                bad.append(text)
    return frozenset(good), tuple(bad)


def _node_of(proxy: BoundPod, pods: Pods) -> str:
    """The node of the caller's pod, given that the token was made for that very pod."""
    name = f"{proxy.namespace}/{proxy.name}"
    found = pods.find(proxy.namespace, proxy.name)
    if found is None:
        raise ImpersonationError(f"pod {name} is not known")
    if not proxy.uid or found.uid != proxy.uid:
        raise ImpersonationError(f"pod {name}: expected uid {found.uid}, the token has {proxy.uid[:80]!r}")
    if found.service_account != proxy.service_account:
        raise ImpersonationError(f"pod {name} has another service account than the token")
    if not found.node:
        raise ImpersonationError(f"pod {name} runs on no node yet")
    return found.node
