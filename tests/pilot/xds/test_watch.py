from pilot.resources import resource_set
from pilot.type_urls import CLUSTER
from pilot.xds.events import Acked, Nacked, Nonce, Stale, Subscribed, Unsubscribed
from pilot.xds.requests import Request
from pilot.xds.subscription import Step, Subscription
from pilot.xds.table import State, Verdict
from pilot.xds.watch import UNJUDGED, Watch
from tests.pilot.xds.worlds import cluster

STEP = Step(Subscription(wildcard=True))


def sent(*responses: tuple[str, tuple[str, ...]]) -> Watch:
    watch = Watch()
    for nonce, names in responses:
        watch.sending(Nonce(nonce), names)
    return watch


def refused(watch: Watch, nonce: str, words: str) -> tuple[str, ...]:
    (event,) = watch.events(Request(CLUSTER, nonce=nonce, error=words), STEP, (Nacked,))
    assert isinstance(event, Nacked)
    assert (event.nonce, event.message) == (nonce, words)
    return event.names


def test_verdict_is_read_from_error_and_nonce() -> None:
    watch = sent(("1", ()), ("2", ()))
    assert watch.verdict(Request(CLUSTER)) is Verdict.NONE
    assert watch.verdict(Request(CLUSTER, nonce="2")) is Verdict.ACK
    assert watch.verdict(Request(CLUSTER, nonce="1")) is Verdict.STALE
    assert watch.verdict(Request(CLUSTER, nonce="1", error="")) is Verdict.NACK


def test_sending_makes_the_last_nonce() -> None:
    watch = sent(("1", ()), ("2", ()))
    assert (watch.nonce, watch.state) == ("2", State.SENT)


def test_refusal_names_what_envoy_speaks_of() -> None:
    watch = sent(("1", ("a", "outbound|80||b", "c")))
    assert refused(watch, "1", "Error adding/updating cluster(s) outbound|80||b: no") == ("outbound|80||b",)


def test_refusal_does_not_mean_a_name_that_is_part_of_another() -> None:
    watch = sent(("1", ("80", "9080", "outbound|80||b", "b")))
    assert refused(watch, "1", "route 9080: unknown cluster 'outbound|80||c'") == ("9080",)


def test_refusal_that_names_nothing_is_of_all_that_was_sent() -> None:
    assert refused(sent(("1", ("x1", "x2"))), "1", "no") == ("x1", "x2")


def test_refusal_of_an_older_response_names_that_one() -> None:
    assert refused(sent(("1", ("x1",)), ("2", ("x2",))), "1", "no") == ("x1",)


def test_refusal_of_a_forgotten_response_names_nothing() -> None:
    assert refused(sent(("2", ("x2",))), "1", "no") == ()


def test_empty_name_is_not_found_in_every_message() -> None:
    assert refused(sent(("1", ("", "b"))), "1", "b is bad") == ("b",)


def test_judged_responses_are_forgotten_with_all_before_them() -> None:
    watch = sent(("1", ("a",)), ("2", ("b",)), ("3", ("c",)))
    watch.judge(Request(CLUSTER, nonce="2"), Verdict.STALE)
    assert watch.unjudged == ((Nonce("3"), ("c",)),)


def test_unjudged_responses_are_bounded() -> None:
    watch = sent(*((str(number), ()) for number in range(50)))
    assert [nonce for nonce, _ in watch.unjudged] == [str(number) for number in range(50 - UNJUDGED, 50)]


def test_acceptance_clears_the_error() -> None:
    watch = sent(("1", ()))
    watch.sent = resource_set([cluster("a")])
    watch.judge(Request(CLUSTER, nonce="1", error=""), Verdict.NACK)
    assert watch.error == "refused without a reason"
    watch.judge(Request(CLUSTER, nonce="1"), Verdict.ACK)
    assert (watch.error, watch.acked, watch.acked_version) == ("", "1", watch.sent.version)


def test_events_tell_what_the_step_did() -> None:
    step = Step(STEP.subscription, asked=frozenset("a"), dropped=frozenset("b"))
    kinds = (Acked, Stale, Unsubscribed, Subscribed)
    assert sent(("1", ())).events(Request(CLUSTER, nonce="1"), step, kinds) == (
        Acked(CLUSTER, Nonce("1")),
        Stale(CLUSTER, Nonce("1")),
        Unsubscribed(CLUSTER, frozenset("b")),
        Subscribed(CLUSTER, frozenset("a")),
    )


def test_giving_up_nothing_is_no_event() -> None:
    assert sent().events(Request(CLUSTER), STEP, (Unsubscribed,)) == ()
