"""Paths, images, users."""

from typing import Any

import pytest

from webhook.injection import parameters


@pytest.mark.parametrize(
    ("path", "variables"),
    [
        ("/inject", {}),
        ("/inject/", {}),
        ("/inject/cluster/east/net/n1/", {"ISTIO_META_CLUSTER_ID": "east", "ISTIO_META_NETWORK": "n1"}),
        ("/inject/other/a--slash--b", {"OTHER": "a/b"}),
        ("/inject/:ENV:cluster=x:ENV:A=b=c:ENV:E=", {"ISTIO_META_CLUSTER_ID": "x", "A": "b=c", "E": ""}),
    ],
)
def test_paths(path: str, variables: dict[str, str]) -> None:
    assert parameters.parse_path(path) == (variables, ())


def test_an_unpaired_key_is_warned_about() -> None:
    assert parameters.parse_path("/inject/cluster/a/net") == (
        {"ISTIO_META_CLUSTER_ID": "a"},
        ("the path ends with 'net', which has no value",),
    )


def image(tag: object, kind: str = "", variant: str = "", **annotations: str) -> str:
    values: dict[str, Any] = {"global": {"hub": "h", "tag": tag, "variant": variant, "proxy": {"image": "proxyv2"}}}
    return parameters.proxy_image(values, {"image": {"imageType": kind}} if kind else {}, annotations)


def test_images() -> None:
    assert image("1.29") == "h/proxyv2:1.29"
    assert image("1.29-debug", variant="distroless") == "h/proxyv2:1.29-distroless"
    assert image("1.29-distroless", kind="default", variant="debug") == "h/proxyv2:1.29"
    assert (
        image("1.29", kind="debug", **{"sidecar.istio.io/proxyImageType": "distroless"}) == "h/proxyv2:1.29-distroless"
    )
    assert image(1.5) == "h/proxyv2:1.5"
    assert image("") == "h/proxyv2"


@pytest.mark.parametrize(
    ("users", "groups", "ids"),
    [
        ("1000/10", "2000/5", (1009, 2004)),
        ("1000-1010", "", (1010, 1010)),
        ("1000/10", "5/1,9/9", (1009, 5)),
        ("", "", (1337, 1337)),
        ("x/y", "z", (1337, 1337)),
    ],
)
def test_ids_on_openshift(users: str, groups: str, ids: tuple[int, int]) -> None:
    annotations = {"openshift.io/sa.scc.uid-range": users, "openshift.io/sa.scc.supplemental-groups": groups}
    assert parameters.openshift_ids(annotations) == ids


def test_paths_of_values_may_end_early() -> None:
    assert parameters.at({"a": {"b": 1}}, "a", "b") == 1
    assert parameters.at({"a": 1}, "a", "b") is None
