from dataclasses import replace

import pytest

from ca.authn.caller import BoundPod, Caller
from ca.authn.impersonation import NodeAuthorizer, PlacedPod, parse_accounts
from ca.errors import ImpersonationError

ZTUNNEL = "spiffe://cluster.local/ns/istio-system/sa/ztunnel"
WANTED = "spiffe://cluster.local/ns/demo/sa/app"
PROXY = BoundPod("istio-system", "ztunnel", "ztunnel-1", "uid-1")
PLACED = PlacedPod("uid-1", "ztunnel", "node-1")


class OneProxy:
    """One node proxy on node-1, with one workload beside it and one elsewhere."""

    def __init__(self, placed: PlacedPod | None = PLACED) -> None:
        self.placed = placed

    def find(self, namespace: str, name: str) -> PlacedPod | None:
        return self.placed if (namespace, name) == ("istio-system", "ztunnel-1") else None

    def runs_on(self, node: str, namespace: str, service_account: str) -> bool:
        return (node, namespace, service_account) in {("node-1", "demo", "app"), ("node-2", "demo", "other")}


def check(
    pod: BoundPod | None = PROXY, placed: PlacedPod | None = PLACED, cluster: str = "", wanted: str = WANTED
) -> None:
    authorizer = NodeAuthorizer(
        [("istio-system", "ztunnel")], lambda cluster: None if cluster == "unknown" else OneProxy(placed)
    )
    authorizer.check(Caller((ZTUNNEL,), "test", pod), cluster, wanted)


def test_node_proxy_may_ask_for_a_pod_of_its_node() -> None:
    check()
    check(wanted="spiffe://old.domain/ns/demo/sa/app")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cluster": "unknown"}, "pods are not known"),
        ({"pod": None}, "expected a token that is bound to a pod"),
        ({"pod": replace(PROXY, service_account="other")}, "no trusted node account"),
        ({"pod": replace(PROXY, namespace="demo")}, "no trusted node account"),
        ({"pod": replace(PROXY, name="gone")}, "is not known"),
        ({"pod": replace(PROXY, uid="uid-2")}, "expected uid uid-1"),
        ({"pod": replace(PROXY, uid=""), "placed": replace(PLACED, uid="")}, "expected uid"),
        ({"placed": replace(PLACED, service_account="other")}, "another service account"),
        ({"placed": replace(PLACED, node="")}, "runs on no node"),
        ({"wanted": "spiffe://cluster.local/ns/demo/sa/other"}, "no pod of demo/other runs on node node-1"),
        ({"wanted": "demo/app"}, "wanted identity"),
        ({"wanted": "spiffe://cluster.local/ns/demo/sa/app/more"}, "wanted identity"),
    ],
)
def test_everything_else_is_refused(changes: dict[str, str], said: str) -> None:
    with pytest.raises(ImpersonationError, match=said):
        check(**changes)  # type: ignore[arg-type]


def test_accounts_are_namespace_and_name() -> None:
    good, bad = parse_accounts(["a/b", "c", "a/b/c", "/x", "y/", "d/e"])
    assert good == {("a", "b"), ("d", "e")}
    assert bad == ("c", "a/b/c", "/x", "y/")
