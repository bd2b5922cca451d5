"""The state machine of a change of root: every transition, what signs, what is trusted, and every refusal."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca.bundle import Bundle
from ca.errors import BundleError, RolloverError
from ca.rollover import stages
from ca.rollover.stages import ENDED, TRANSITIONS, Action, Rollover, Stage
from tests.ca.makers import NOON, YEARS, ec_key, make_intermediate, make_leaf, make_root, rsa_key

LATER = NOON + timedelta(hours=1)


def old_root() -> Bundle:
    return make_root(rsa_key())


def new_root() -> Bundle:
    return make_root(ec_key(5))


def rollover(stage: Stage = Stage.ADDING, *, is_stepwise: bool = False) -> Rollover:
    """At a stage that was reached by advancing."""
    found = stages.begin(old_root(), new_root(), now=NOON, is_stepwise=is_stepwise)
    while found.stage is not stage:
        found = stages.act(found, Action.ADVANCE, now=LATER)
    return found


@pytest.mark.parametrize(
    ("stage", "signs", "trusts"),
    [
        (Stage.ADDING, "old", ("old", "new")),
        (Stage.RENEWING, "new", ("new", "old")),
        (Stage.DROPPING, "new", ("new",)),
        (Stage.FINISHED, "new", ("new",)),
    ],
)
def test_each_stage_says_who_signs_and_who_is_trusted(stage: Stage, signs: str, trusts: tuple[str, ...]) -> None:
    found = rollover(stage)
    names = {found.old.certificate: "old", found.new.certificate: "new"}
    made = stages.bundle_of(found, now=LATER)
    assert names[found.signing.certificate] == signs
    assert tuple(names[each] for each in found.trusted) == trusts
    assert made.roots == "".join(found.trusted)
    assert found.is_over is (stage is Stage.FINISHED)
    leaf = make_leaf(made, ec_key(2).public_key())
    leaf.verify_directly_issued_by(made.certificate)


@pytest.mark.parametrize(
    ("stage", "after", "signs", "trusts"),
    [
        (Stage.ADDING, Stage.WITHDRAWN, "A", {"A"}),
        (Stage.RENEWING, Stage.RENEWING, "A", {"A", "B"}),
        (Stage.DROPPING, Stage.ADDING, "B", {"A", "B"}),
        (Stage.FINISHED, Stage.ADDING, "B", {"A", "B"}),
    ],
)
def test_rolling_back_leads_towards_the_first_root_from_every_stage(
    stage: Stage, after: Stage, signs: str, trusts: set[str]
) -> None:
    before = rollover(stage)
    names = {before.old.certificate: "A", before.new.certificate: "B"}
    found = stages.act(before, Action.ROLL_BACK, now=LATER)
    assert found.stage is after
    assert names[found.signing.certificate] == signs
    assert {names[each] for each in found.trusted} == trusts
    while not found.is_over:
        found = stages.act(found, Action.ADVANCE, now=LATER)
    assert [names[each] for each in found.trusted] == ["A"]
    assert names[found.signing.certificate] == "A"


@given(st.lists(st.sampled_from(list(Action)), max_size=12))
def test_whatever_is_done_who_signs_is_trusted_and_nobody_is_dropped_at_once(actions: list[Action]) -> None:
    """Either the roots change by one or the signer does, never to one that is not trusted."""
    found = FIRST
    for action in actions:
        before = found
        try:
            found = stages.act(found, action, now=LATER)
        except RolloverError:
            assert (before.stage, action) not in TRANSITIONS or before.is_over
            continue
        assert found.signing.certificate in found.trusted
        assert len(set(found.trusted) ^ set(before.trusted)) <= 1
        if found.signing != before.signing:
            assert set(found.trusted) == set(before.trusted)
            assert len(found.trusted) == 2
        assert stages.decode(stages.encode(found)) == found


FIRST = stages.begin(make_root(ec_key(7)), make_root(ec_key(8)), now=NOON)


def test_every_stage_can_advance_or_is_over_and_every_one_but_a_withdrawn_one_can_go_back() -> None:
    assert {stage for stage, action in TRANSITIONS if action is Action.ADVANCE} == set(Stage) - ENDED
    assert {stage for stage, action in TRANSITIONS if action is Action.ROLL_BACK} == set(Stage) - {Stage.WITHDRAWN}


def test_pausing_and_resuming_change_nothing_else() -> None:
    before = rollover()
    paused = stages.act(before, Action.PAUSE, now=LATER)
    assert paused.is_paused
    assert stages.act(paused, Action.RESUME, now=LATER) == before


def test_stepwise_change_pauses_after_each_stage_but_not_at_its_end() -> None:
    found = rollover(is_stepwise=True)
    assert not found.is_paused
    for stage in (Stage.RENEWING, Stage.DROPPING):
        found = stages.act(found, Action.ADVANCE, now=LATER)
        assert (found.stage, found.is_paused) == (stage, True)
        found = stages.act(found, Action.RESUME, now=LATER)
        assert (found.is_paused, found.is_stepwise) == (False, True)
    assert not stages.act(found, Action.ADVANCE, now=LATER).is_paused


@pytest.mark.parametrize("action", [Action.PAUSE, Action.RESUME, Action.ADVANCE])
def test_what_is_over_can_only_be_rolled_back(action: Action) -> None:
    with pytest.raises(RolloverError, match="finished"):
        stages.act(rollover(Stage.FINISHED), action, now=LATER)


def test_other_roots_stay_trusted_throughout() -> None:
    root, other = old_root(), make_root(ec_key(6), name="other")
    with_other = type(root)(root.certificate, root.key, (), root.roots + other.roots, root.issuer)
    found = stages.begin(with_other, new_root(), now=NOON)
    assert found.others == (other.roots,)
    for _ in range(3):
        assert other.roots in found.trusted
        found = stages.act(found, Action.ADVANCE, now=LATER)
    assert found.trusted == (found.new.certificate, other.roots)


def test_plugged_in_ca_is_its_operators_to_change() -> None:
    root = make_root(ec_key())
    own = make_intermediate(root, ec_key(1))
    plugged = type(root)(own, root.key, (), root.roots, root.issuer)
    with pytest.raises(RolloverError, match="expected a self-signed root"):
        stages.begin(plugged, new_root(), now=NOON)


def test_root_that_has_expired_does_not_come_back() -> None:
    back = stages.act(rollover(Stage.RENEWING), Action.ROLL_BACK, now=LATER)
    with pytest.raises(BundleError, match="expected it to be valid"):
        stages.bundle_of(back, now=NOON + YEARS + timedelta(days=1))


def test_keys_are_not_printed() -> None:
    assert "PRIVATE" not in repr(rollover())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"stage":"nonsense"}', b"\xff\xfe", b"null"])
def test_unreadable_file_is_refused_without_its_content(content: bytes) -> None:
    with pytest.raises(RolloverError, match=f"{len(content)} unreadable bytes"):
        stages.decode(content)
