from pilot.type_urls import CLUSTER, ENDPOINT, ROUTE
from pilot.xds.subscription import Step, Subscription, change_names, intern_names, replace_names


def names(*given: str) -> frozenset[str]:
    return frozenset(given)


LEGACY = Subscription(wildcard=True)

# --- state of the world ---


def test_sotw_naming_nothing_first_means_everything() -> None:
    assert replace_names(None, CLUSTER, names()) == Step(LEGACY, names("*"))


def test_sotw_naming_nothing_of_a_type_asked_for_by_name_watches_nothing() -> None:
    assert replace_names(None, ENDPOINT, names()) == Step(Subscription(), ends=True)


def test_sotw_first_names_are_asked_for() -> None:
    step = replace_names(None, ENDPOINT, names("a", "b"))
    assert step == Step(Subscription(names("a", "b"), explicit=True), names("a", "b"))


def test_sotw_star_means_everything_and_is_no_name() -> None:
    step = replace_names(None, CLUSTER, names("*", "a"))
    assert step == Step(Subscription(names("a"), wildcard=True, explicit=True), names("*", "a"))


def test_sotw_naming_nothing_again_keeps_the_legacy_wildcard() -> None:
    assert replace_names(LEGACY, CLUSTER, names()) == Step(LEGACY)


def test_sotw_wildcard_and_name_continue_the_wildcard_and_add_the_name() -> None:
    step = replace_names(LEGACY, CLUSTER, names("*", "a"))
    assert step == Step(Subscription(names("a"), wildcard=True, explicit=True), names("a"))


def test_sotw_name_alone_gives_up_the_wildcard() -> None:
    held = Subscription(names("a"), wildcard=True, explicit=True)
    assert replace_names(held, CLUSTER, names("a")) == Step(Subscription(names("a"), explicit=True), dropped=names("*"))


def test_sotw_naming_nothing_after_a_name_wants_nothing_and_stays_watched() -> None:
    step = replace_names(Subscription(names("a"), explicit=True), CLUSTER, names())
    assert step == Step(Subscription(explicit=True), dropped=names("a"))
    assert step.subscription.is_empty
    assert replace_names(step.subscription, CLUSTER, names()) == Step(step.subscription)


def test_sotw_empty_list_ends_the_watch_of_a_type_asked_for_by_name() -> None:
    step = replace_names(Subscription(names("a"), explicit=True), ROUTE, names())
    assert step.ends
    assert step.dropped == names("a")


def test_sotw_only_added_names_are_asked_for() -> None:
    step = replace_names(Subscription(names("a", "b"), explicit=True), ENDPOINT, names("b", "c"))
    assert step == Step(Subscription(names("b", "c"), explicit=True), asked=names("c"), dropped=names("a"))


def test_sotw_same_names_keep_the_subscription_itself() -> None:
    held = Subscription(names("a", "b"), explicit=True)
    assert replace_names(held, ENDPOINT, names("b", "a")).subscription is held


def test_sotw_explicit_star_after_the_legacy_wildcard_asks_for_nothing_new() -> None:
    step = replace_names(LEGACY, CLUSTER, names("*"))
    assert step == Step(Subscription(wildcard=True, explicit=True))


# --- delta ---


def test_delta_naming_nothing_first_means_everything() -> None:
    assert change_names(None, CLUSTER, names(), names()) == Step(LEGACY, names("*"))


def test_delta_naming_nothing_of_a_type_asked_for_by_name_wants_nothing() -> None:
    assert change_names(None, ENDPOINT, names(), names()) == Step(Subscription())


def test_delta_claims_of_a_wildcard_type_are_no_names() -> None:
    step = change_names(None, CLUSTER, names(), names(), claimed=names("a"))
    assert step == Step(LEGACY, names("*"))


def test_delta_claims_of_a_type_asked_for_by_name_are_wanted_but_not_asked_for() -> None:
    step = change_names(None, ENDPOINT, names("a", "b"), names(), claimed=names("b", "c"))
    assert step == Step(Subscription(names("a", "b", "c"), explicit=True), asked=names("a"))


def test_delta_name_beside_the_legacy_wildcard_adds_to_it() -> None:
    step = change_names(LEGACY, CLUSTER, names("a"), names())
    assert step == Step(Subscription(names("a"), wildcard=True, explicit=True), asked=names("a"))


def test_delta_star_can_be_given_up() -> None:
    held = Subscription(names("a"), wildcard=True, explicit=True)
    step = change_names(held, CLUSTER, names(), names("*"))
    assert step == Step(Subscription(names("a"), explicit=True), dropped=names("*"))
    step = change_names(step.subscription, CLUSTER, names(), names("a"))
    assert step.subscription.is_empty


def test_delta_explicit_star_is_asked_for_even_under_the_wildcard() -> None:
    assert change_names(LEGACY, CLUSTER, names("*"), names()).asked == names("*")


def test_delta_held_name_can_be_asked_for_again() -> None:
    held = Subscription(names("a"), explicit=True)
    assert change_names(held, ENDPOINT, names("a"), names()) == Step(held, asked=names("a"))


def test_delta_name_given_up_under_the_wildcard_is_told_once_more() -> None:
    held = Subscription(names("a"), wildcard=True, explicit=True)
    step = change_names(held, CLUSTER, names(), names("a"))
    assert step.asked == step.dropped == names("a")
    assert step.subscription.wants("a")


def test_delta_ack_keeps_the_subscription_itself() -> None:
    held = Subscription(names("a", "b"), explicit=True)
    assert change_names(held, ENDPOINT, names(), names()).subscription is held


def test_delta_name_both_subscribed_and_unsubscribed_is_given_up() -> None:
    step = change_names(Subscription(names("a"), explicit=True), ENDPOINT, names("a"), names("a"))
    assert not step.asked
    assert step.subscription.is_empty


def test_delta_giving_up_what_was_never_asked_for_is_nothing() -> None:
    held = Subscription(names("a"), explicit=True)
    assert change_names(held, ENDPOINT, names(), names("b")) == Step(held)


# --- both ---


def test_equal_names_become_one_object() -> None:
    known: dict[frozenset[str], frozenset[str]] = {}

    def same(given: frozenset[str]) -> frozenset[str]:
        return known.setdefault(given, given)

    first = intern_names(replace_names(None, ENDPOINT, names("a", "b")), same)
    second = intern_names(change_names(None, ENDPOINT, names("b", "a"), names()), same)
    assert first.subscription.names is second.subscription.names is first.asked is second.asked


def test_nothing_wants_nothing() -> None:
    assert not Subscription().wants("a")
    assert LEGACY.wants("a")
    assert Subscription(names("a")).wants("a")
