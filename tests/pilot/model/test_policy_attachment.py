"""Policies belong to workloads by namespace, labels and targets."""

from dataclasses import dataclass

import pytest

from pilot.model.objects import ObjectKey
from pilot.model.policy_attachment import GATEWAY_NAME, Attachment, Policies, WorkloadPlace, update
from pilot.model.policy_target import PolicyTargetReference
from pilot.model.request_authentication import RequestAuthenticationSpec
from pilot.model.selectors import WorkloadSelector


@dataclass(frozen=True)
class Small:
    """A policy that says nothing."""

    key: ObjectKey
    attachment: Attachment
    created: str = ""


def small(
    name: str,
    namespace: str = "shop",
    selector: dict[str, str] | None = None,
    targets: tuple[PolicyTargetReference, ...] = (),
    created: str = "",
) -> Small:
    attachment = Attachment(namespace, selector or {}, targets)
    return Small(ObjectKey("Small", namespace, name), attachment, created)


def index(*policies: Small) -> Policies[Small]:
    spaces = {each.key.namespace for each in policies}
    return update(Policies(), {space: [each for each in policies if each.key.namespace == space] for space in spaces})


def names(policies: Policies[Small], place: WorkloadPlace) -> list[str]:
    return [each.key.name for each in policies.of("root", place)]


WEB = WorkloadPlace("shop", {"app": "web", "version": "v1"})
GATEWAY = PolicyTargetReference("gateway.networking.k8s.io", "Gateway", "gw")


def test_root_comes_first_then_the_oldest() -> None:
    policies = index(
        small("young", created="2024-02"),
        small("b", created="2024-01", selector={"app": "web"}),
        small("a", created="2024-01"),
        small("everywhere", "root", created="2025-01"),
        small("elsewhere", "other"),
    )
    assert names(policies, WEB) == ["everywhere", "a", "b", "young"]


def test_a_selector_needs_all_of_its_labels_in_the_root_too() -> None:
    policies = index(
        small("fits", selector={"app": "web", "version": "v1"}),
        small("not", selector={"app": "web", "version": "v2"}),
        small("root-fits", "root", {"app": "web"}),
        small("root-not", "root", {"app": "db"}),
    )
    assert names(policies, WEB) == ["root-fits", "fits"]


def test_targets_belong_to_the_workloads_of_a_gateway_only() -> None:
    policies = index(
        small("targeting", targets=(GATEWAY,)),
        small("same-namespace-named", targets=(PolicyTargetReference(GATEWAY.group, "Gateway", "gw", "shop"),)),
        small("other-namespace", targets=(PolicyTargetReference(GATEWAY.group, "Gateway", "gw", "other"),)),
        small("other-kind", targets=(PolicyTargetReference("", "Service", "gw"),)),
        small("other-gateway", targets=(PolicyTargetReference(GATEWAY.group, "Gateway", "gw2"),)),
        small("root-targeting", "root", targets=(GATEWAY,)),
        small("general"),
    )
    gateway = WorkloadPlace("shop", {GATEWAY_NAME: "gw"})
    assert names(policies, WEB) == ["general"]
    assert names(policies, gateway) == ["general", "same-namespace-named", "targeting"]
    assert names(policies, WorkloadPlace("shop", gateway.labels, selectors_reach_gateways=False)) == [
        "same-namespace-named", "targeting"
    ]  # fmt: skip
    assert names(policies, WorkloadPlace("shop", gateway.labels, is_waypoint=True)) == [
        "same-namespace-named", "targeting"
    ]  # fmt: skip


def test_one_target_counts_where_there_is_no_list() -> None:
    one, other = GATEWAY, PolicyTargetReference(GATEWAY.group, "Gateway", "other")
    selector = WorkloadSelector({"app": "web"})
    spec = RequestAuthenticationSpec(selector=selector, target_ref=one)
    assert Attachment.of("shop", spec) == Attachment("shop", {"app": "web"}, (one,))
    assert Attachment.of("shop", RequestAuthenticationSpec(target_ref=one, target_refs=(other,))).targets == (other,)


def test_what_says_the_same_stays_the_same() -> None:
    before = index(small("a"), small("b", "root"))
    assert update(before, {"shop": [small("a")]}) is before
    after = update(before, {"shop": [small("a"), small("c")]})
    assert after.namespaces["root"] is before.namespaces["root"]
    assert after.namespaces["shop"].all[0] is before.namespaces["shop"].all[0]
    assert "shop" not in update(after, {"shop": []}).namespaces


@pytest.mark.parametrize("namespace", ["root", "shop"])
def test_a_workload_of_the_root_gets_each_policy_once(namespace: str) -> None:
    policies = index(small("a", "root"))
    assert names(policies, WorkloadPlace(namespace, {})) == ["a"]
