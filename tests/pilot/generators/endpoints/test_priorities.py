from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot.generators.endpoints.preference import Preference
from pilot.generators.endpoints.priorities import Group, group_by_locality, matches, prioritize
from pilot.model.traffic_policy import LocalityDistribute, LocalityFailover, LocalityLoadBalancerSetting
from tests.pilot.generators.samples import client, endpoint

HERE, NEXT_DOOR, SAME_REGION, FAR, FARTHER = "r1/z1/s1", "r1/z1/s2", "r1/z2/s1", "r2/z1", "r3/z1"


def groups(*localities: str) -> list[Group]:
    return group_by_locality((endpoint(f"10.0.0.{i}", locality=each), 1) for i, each in enumerate(localities))


def by_locality(made: Sequence[Group]) -> dict[str, int]:
    return {each.locality: each.priority for each in made}


def weights(made: Sequence[Group]) -> dict[str, tuple[int, int]]:
    return {each.locality: (each.weight, len(each.endpoints)) for each in made}


def failing_over(**setting: object) -> Preference:
    return Preference(LocalityLoadBalancerSetting(**setting), failover=True)  # type: ignore[arg-type]  # of any type


def test_groups_are_in_order_of_their_locality_and_weigh_what_their_endpoints_weigh() -> None:
    made = group_by_locality(
        [(endpoint("1.1.1.1", locality="b"), 2), (endpoint("1.1.1.2"), 1), (endpoint("1.1.1.3", locality="b"), 3)]
    )

    assert [(each.locality, each.weight) for each in made] == [("", 1), ("b", 5)]


def test_the_weight_of_a_group_fits_its_field() -> None:
    made = group_by_locality([(endpoint(), 2**32 - 1), (endpoint(), 7)])

    assert made[0].weight == 2**32 - 1


def test_without_a_preference_all_are_alike() -> None:
    made = groups(HERE, FAR)

    assert prioritize(made, None, client(locality=HERE)) is made
    assert prioritize(made, Preference(LocalityLoadBalancerSetting(), failover=False), client(locality=HERE)) is made


def test_near_comes_before_far() -> None:
    made = prioritize(groups(FAR, SAME_REGION, NEXT_DOOR, HERE), failing_over(), client(locality=HERE))

    assert by_locality(made) == {HERE: 0, NEXT_DOOR: 1, SAME_REGION: 2, FAR: 3}


def test_priorities_have_no_gaps() -> None:
    made = prioritize(groups(FAR, SAME_REGION), failing_over(), client(locality=HERE))

    assert by_locality(made) == {SAME_REGION: 0, FAR: 1}


def test_a_failover_entry_puts_its_region_before_other_far_ones() -> None:
    preference = failing_over(failover=(LocalityFailover(from_="r1", to="r3"),))
    made = prioritize(groups(HERE, FAR, FARTHER), preference, client(locality=HERE))

    assert by_locality(made) == {HERE: 0, FARTHER: 1, FAR: 2}


def test_the_first_failover_entry_of_a_region_counts() -> None:
    entries = (LocalityFailover(from_="r1", to="r2"), LocalityFailover(from_="r1", to="r3"))
    made = prioritize(groups(HERE, FAR, FARTHER), failing_over(failover=entries), client(locality=HERE))

    assert by_locality(made) == {HERE: 0, FAR: 1, FARTHER: 2}


def test_a_client_of_unknown_locality_is_near_to_unknown_endpoints() -> None:
    assert by_locality(prioritize(groups(HERE, ""), failing_over(), client())) == {"": 0, HERE: 1}


def test_labels_make_priorities_and_split_localities() -> None:
    same = endpoint("10.0.0.1", locality=HERE, labels={"zone": "z", "version": "v1"})
    other = endpoint("10.0.0.2", locality=HERE, labels={"zone": "z", "version": "v2"})
    away = endpoint("10.0.0.3", locality=FAR, labels={"zone": "y", "version": "v1"})
    made = prioritize(
        group_by_locality((each, 1) for each in (same, other, away)),
        failing_over(failover_priority=("zone", "version")),
        client(labels=(("zone", "z"), ("version", "v1"))),
    )

    assert [(each.locality, each.priority, each.endpoints[0][0]) for each in made] == [
        (HERE, 0, same),
        (HERE, 1, other),
        (FAR, 2, away),
    ]


def test_a_label_with_a_value_is_compared_with_that_value() -> None:
    second = endpoint("10.0.0.2", locality=FAR, labels={"version": "v2"})
    made = prioritize(
        group_by_locality([(endpoint(locality=HERE), 1), (second, 1)]),
        failing_over(failover_priority=("version=v2",)),
        client(labels=()),
    )

    assert by_locality(made) == {FAR: 0, HERE: 1}


def test_labels_come_before_regions_where_both_are_told() -> None:
    first = endpoint("10.0.0.1", locality=FAR, labels={"v": "1"})
    second = endpoint("10.0.0.2", locality=HERE, labels={"v": "2"})
    third = endpoint("10.0.0.3", locality=HERE, labels={"v": "1"})
    made = prioritize(
        group_by_locality((each, 1) for each in (first, second, third)),
        failing_over(failover_priority=("v",), failover=(LocalityFailover(from_="r1", to="r2"),)),
        client(locality=HERE, labels=(("v", "1"),)),
    )

    assert {each.endpoints[0][0].address: each.priority for each in made} == {
        "10.0.0.3": 0,
        "10.0.0.1": 1,
        "10.0.0.2": 2,
    }


def distributing(**to: int) -> Preference:
    shares = {pattern.replace("_", "/"): share for pattern, share in to.items()}
    entry = LocalityDistribute(from_="r1/*", to=shares)
    return Preference(LocalityLoadBalancerSetting(distribute=(entry,)), failover=True)


def test_shares_are_divided_among_the_endpoints_of_a_pattern_and_others_get_none() -> None:
    made = prioritize(groups(HERE, HERE, SAME_REGION, FAR, FARTHER), distributing(r1=70, r2=30), client(locality=HERE))

    assert weights(made) == {HERE: (47, 2), SAME_REGION: (24, 1), FAR: (30, 1), FARTHER: (1, 0)}


def test_a_narrower_pattern_takes_its_localities_first() -> None:
    made = prioritize(groups(HERE, SAME_REGION), distributing(r1=20, r1_z1=80), client(locality=HERE))

    assert weights(made) == {HERE: (80, 1), SAME_REGION: (20, 1)}


def test_clients_of_other_localities_are_not_meant() -> None:
    made = groups(HERE, FAR)

    assert prioritize(made, distributing(r2=100), client(locality=FAR)) is made


@pytest.mark.parametrize(
    ("locality", "pattern", "expected"),
    [
        ("r/z/s", "*", True),
        ("r/z/s", "r", True),
        ("r/z/s", "r/*", True),
        ("r/z/s", "r/z/*", True),
        ("r/z/s", "r/z/other", False),
        ("r/z", "r/z/s", False),
        ("", "*", True),
        ("region", "r", False),
    ],
)
def test_a_pattern_matches_whole_parts(locality: str, pattern: str, expected: bool) -> None:
    assert matches(locality, pattern) is expected


@given(
    st.lists(st.sampled_from([HERE, NEXT_DOOR, SAME_REGION, FAR, FARTHER, ""]), max_size=8),
    st.sampled_from([HERE, FAR, ""]),
    st.booleans(),
)
def test_nobody_is_lost_and_priorities_begin_at_zero(localities: list[str], at: str, told: bool) -> None:
    entries = (LocalityFailover(from_="r1", to="r3"),) if told else ()
    made = prioritize(groups(*localities), failing_over(failover=entries), client(locality=at))

    assert sum(len(each.endpoints) for each in made) == len(localities)
    assert {each.priority for each in made} == set(range(len({each.priority for each in made})))
