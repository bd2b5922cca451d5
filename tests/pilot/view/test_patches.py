"""Which patches a proxy gets, and in which order."""

from typing import Any

from tests.pilot.generators import worlds
from tests.pilot.generators.patching.filters_of import envoy_filter, patch, view


def cluster(name: str) -> dict[str, Any]:
    return patch("CLUSTER", "ADD", {"name": name})


def order(*filters: str, proxy: dict[str, Any] | None = None) -> list[str]:
    return [each.value["name"] for each in view(*filters, proxy=proxy).patches]  # type: ignore[misc]


def test_priority_then_the_root_namespace_then_age_then_name_decide() -> None:
    own = {"namespace": "default"}
    assert order(
        envoy_filter(cluster("e"), name="b", **own),
        envoy_filter(cluster("d"), name="a", **own),
        envoy_filter(cluster("f"), name="old", created="2024-01-01T00:00:00Z", priority=1),
        envoy_filter(cluster("c"), name="young", created="2024-01-02T00:00:00Z"),
        envoy_filter(cluster("b"), name="older", created="2024-01-01T00:00:00Z"),
        envoy_filter(cluster("a"), name="first", priority=-1, **own),
    ) == ["a", "b", "c", "d", "e", "f"]


def test_patches_of_one_filter_keep_their_order() -> None:
    assert order(envoy_filter(cluster("b"), cluster("a"))) == ["b", "a"]


def test_other_namespaces_and_other_labels_are_not_meant() -> None:
    assert not order(
        envoy_filter(cluster("a"), namespace="elsewhere"),
        envoy_filter(cluster("b"), workloadSelector={"labels": {"app": "other"}}),
    )
    assert order(envoy_filter(cluster("c"), workloadSelector={"labels": {"app": "client"}})) == ["c"]


def test_version_and_metadata_of_a_proxy_choose_patches() -> None:
    chosen = envoy_filter(
        patch("CLUSTER", "ADD", {"name": "a"}, proxy={"proxyVersion": r"^1\.29"}),
        patch("CLUSTER", "ADD", {"name": "b"}, proxy={"metadata": {"TEAM": "blue"}}),
        cluster("c"),
    )
    assert order(chosen) == ["c"]
    assert order(chosen, proxy=worlds.sidecar(ISTIO_VERSION="1.29.1", TEAM="blue")) == ["a", "b", "c"]


def test_a_gateway_is_reached_by_target() -> None:
    label = {"gateway.networking.k8s.io/gateway-name": "front"}
    target = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "front"}
    proxy = worlds.gateway("default", LABELS=label)
    targeted = envoy_filter(cluster("a"), namespace="default", targetRefs=[target])
    assert order(targeted, proxy=proxy) == ["a"]
    assert not order(targeted)


def test_without_envoy_filters_all_proxies_share_the_empty_tuple() -> None:
    assert view().patches is view(proxy=worlds.gateway()).patches


def test_proxies_with_the_same_patches_share_them() -> None:
    both = (envoy_filter(cluster("a")), envoy_filter(cluster("b"), name="b"))
    snapshot_view = view(*both)
    assert [each.index for each in snapshot_view.patches] == [0, 0]


def test_one_size_of_direct_responses_holds_for_the_whole_mesh() -> None:
    limit = patch("ROUTE_CONFIGURATION", "MERGE", {"max_direct_response_body_size_bytes": 1234}, context="GATEWAY")
    elsewhere = envoy_filter(limit, namespace="elsewhere")
    assert view(elsewhere).body_limit == 1234
    assert view().body_limit == 0
