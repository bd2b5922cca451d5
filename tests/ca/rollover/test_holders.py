"""Who lags at which stage, and what a workload is called."""

from datetime import datetime, timedelta

import pytest

from ca.authn.caller import BoundPod, Caller
from ca.rollover import stages
from ca.rollover.holders import Holder, Holding, find_laggards, fingerprint, holder_of, signer_of
from ca.rollover.stages import Action, Rollover, Stage
from tests.ca.makers import APP, NOON, ec_key, make_root

OLD, NEW = make_root(ec_key(7)), make_root(ec_key(8))
A, B = fingerprint(OLD.roots), fingerprint(NEW.roots)
EXPIRY = int((NOON + timedelta(hours=24)).timestamp())
NODE = Caller(("spiffe://cluster.local/ns/istio-system/sa/ztunnel",), "x", BoundPod("istio-system", "z", "z-1", "u"))


def at(stage: Stage) -> Rollover:
    found = stages.begin(OLD, NEW, now=NOON)
    while found.stage is not stage:
        found = stages.act(found, Action.ADVANCE, now=NOON)
    return found


def lag(
    stage: Stage, holding: Holding, *, connected: bool = False, unknown: datetime | None = None, now: datetime = NOON
) -> list[str]:
    who = Holder(APP, "web-1.demo")
    found = find_laggards(at(stage), {who: holding}, [who] if connected else [], unknown_until=unknown, now=now)
    return [each.why for each in found]


@pytest.mark.parametrize(
    ("stage", "signer", "roots", "why"),
    [
        (Stage.ADDING, A, (A,), ["does not trust the new root yet"]),
        (Stage.ADDING, A, (A, B), []),
        (Stage.ADDING, A, (), ["does not trust the new root yet"]),
        (Stage.RENEWING, A, (A, B), ["has a certificate of the old root"]),
        (Stage.RENEWING, B, (A, B), []),
        (Stage.RENEWING, B, (A,), ["does not trust the new root"]),
        (Stage.RENEWING, "another", (B,), []),
        (Stage.DROPPING, B, (A, B), ["still trusts the old root"]),
        (Stage.DROPPING, B, (B,), []),
        (Stage.FINISHED, A, (A,), []),
    ],
)
def test_each_stage_waits_for_something_else(stage: Stage, signer: str, roots: tuple[str, ...], why: list[str]) -> None:
    assert lag(stage, Holding(signer, roots, EXPIRY)) == why


def test_expired_certificate_is_not_waited_for_unless_its_proxy_is_connected() -> None:
    late = NOON + timedelta(hours=25)
    assert lag(Stage.RENEWING, Holding(A, (A,), EXPIRY), now=late) == []
    assert lag(Stage.RENEWING, Holding(A, (A,), EXPIRY), now=late, connected=True) != []


def test_certificates_that_nobody_counted_are_waited_for_until_the_last_one_expires() -> None:
    counted = Holding(B, (A, B), EXPIRY)
    until = NOON + timedelta(days=90)
    assert lag(Stage.RENEWING, counted, unknown=until) == ["certificates that were issued before they were counted"]
    assert lag(Stage.RENEWING, counted, unknown=until, now=until) == []
    assert lag(Stage.DROPPING, Holding(B, (B,), EXPIRY), unknown=until) == []


def test_pod_is_known_by_its_token_and_others_by_what_they_say() -> None:
    bound = Caller((APP,), "x", BoundPod("demo", "app", "web-1", "u"))
    assert holder_of((APP,), bound, "elsewhere") == Holder(APP, "web-1.demo")
    assert holder_of((APP,), Caller((APP,), "x"), "web-1.demo") == Holder(APP, "web-1.demo")
    assert holder_of((APP,), NODE, "") == Holder(APP, "by z-1")
    assert holder_of((APP,), Caller((APP,), "x"), "n" * 1000) == Holder(APP, "n" * 256)


def test_signer_of_a_root_is_itself() -> None:
    assert signer_of(OLD) == A != B
