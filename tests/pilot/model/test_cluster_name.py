import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot.model import cluster_name
from pilot.model.cluster_name import ClusterName, Direction


def test_outbound_name_has_port_subset_and_host() -> None:
    parsed = ClusterName.parse("outbound|9080|v1|reviews.default.svc.cluster.local")
    assert parsed == ClusterName(Direction.OUTBOUND, 9080, "v1", "reviews.default.svc.cluster.local")


def test_inbound_name_has_only_a_port() -> None:
    assert ClusterName.parse(cluster_name.inbound(8080)) == ClusterName(Direction.INBOUND, 8080, "", "")


def test_waypoint_subset_keeps_its_slash() -> None:
    parsed = ClusterName.parse("inbound-vip|80|http/v2|a.b.svc.cluster.local")
    assert parsed == ClusterName(Direction.INBOUND_VIP, 80, "http/v2", "a.b.svc.cluster.local")


@pytest.mark.parametrize(
    "text", ["", "BlackHoleCluster", "outbound|x||h", "outbound|80|h", "sideways|80||h", "a_.b", "outbound|²||h"]
)
def test_other_names_are_not_parsed(text: str) -> None:
    assert ClusterName.parse(text) is None


def test_helpers_agree_with_str() -> None:
    assert cluster_name.outbound(80, "h.x", "s") == str(ClusterName(Direction.OUTBOUND, 80, "s", "h.x"))
    assert cluster_name.outbound_sni(80, "h.x") == str(ClusterName(Direction.OUTBOUND, 80, "", "h.x", sni=True))


@given(
    st.sampled_from(Direction),
    st.integers(0, 65535),
    st.from_regex(r"[a-z0-9-]{0,8}", fullmatch=True),
    st.from_regex(r"(\*\.)?[a-z0-9.-]{1,20}", fullmatch=True),
    st.booleans(),
)
def test_every_name_parses_back(direction: Direction, port: int, subset: str, host: str, sni: bool) -> None:
    name = ClusterName(direction, port, subset, host, sni)
    assert ClusterName.parse(str(name)) == name
