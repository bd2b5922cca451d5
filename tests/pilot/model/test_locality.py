import pytest

from pilot.model import locality


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, ""),
        ({locality.LOCALITY: "r.z.s"}, "r/z/s"),
        ({"istio-locality": "r.z"}, "r/z"),
        ({locality.LOCALITY: "r/z.1"}, "r/z.1"),
        ({locality.LOCALITY: "new", "istio-locality": "old"}, "new"),
    ],
)
def test_a_workloads_own_label(labels: dict[str, str], expected: str) -> None:
    assert locality.locality_of_label(labels) == expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, ""),
        ({locality.REGION: "r", locality.ZONE: "z"}, "r/z"),
        ({locality.REGION: "r", locality.SUBZONE: "s"}, "r//s"),
        ({"failure-domain.beta.kubernetes.io/region": "r", "failure-domain.beta.kubernetes.io/zone": "z"}, "r/z"),
    ],
)
def test_labels_of_a_node(labels: dict[str, str], expected: str) -> None:
    assert locality.locality_of_node(labels) == expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({locality.REGION: "r", locality.ZONE: "z", locality.LOCALITY: "other"}, "r/z"),
        ({locality.LOCALITY: "a.b"}, "a.b"),
        ({"istio-locality": "a/b"}, "a/b"),
        ({}, "fallback"),
    ],
)
def test_a_proxys_labels_win_over_its_node(labels: dict[str, str], expected: str) -> None:
    assert locality.locality_of_proxy(labels, "fallback") == expected


def test_localities_are_split_into_three() -> None:
    assert locality.split_locality("r/z/s") == ("r", "z", "s")
    assert locality.split_locality("r") == ("r", "", "")
    assert locality.split_locality("") == ("", "", "")


def test_topology_is_added_to_labels() -> None:
    labels = locality.add_topology({"app": "x"}, locality="r/z", cluster_id="c", network="n", node="node")
    assert labels == {
        "app": "x",
        locality.REGION: "r",
        locality.ZONE: "z",
        locality.CLUSTER: "c",
        locality.NETWORK: "n",
        locality.HOSTNAME: "node",
    }


def test_a_network_label_of_its_own_stays() -> None:
    labels = locality.add_topology({locality.NETWORK: "own"}, locality="", cluster_id="", network="n", node="")
    assert labels == {locality.NETWORK: "own"}
