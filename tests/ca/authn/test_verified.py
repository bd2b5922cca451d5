from datetime import timedelta

from ca.authn.caller import Caller
from ca.authn.verified import VerifiedTokens
from tests.ca.makers import APP, NOON

CALLER = Caller((APP,), "test")
HOUR = timedelta(hours=1)
IN_AN_HOUR = (NOON + HOUR).timestamp()


def test_token_is_known_until_it_expires() -> None:
    tokens = VerifiedTokens()
    tokens.remember("t", "c", CALLER, IN_AN_HOUR, NOON)
    assert tokens.find("t", "c", NOON + HOUR - timedelta(seconds=1)) is CALLER
    assert tokens.find("t", "c", NOON + HOUR) is None
    assert len(tokens) == 0


def test_another_token_or_cluster_is_not_known() -> None:
    tokens = VerifiedTokens()
    tokens.remember("t", "c", CALLER, IN_AN_HOUR, NOON)
    assert tokens.find("t2", "c", NOON) is None
    assert tokens.find("t", "", NOON) is None
    assert tokens.find("\0t", "c", NOON) is None


def test_nothing_is_believed_longer_than_asked_for() -> None:
    tokens = VerifiedTokens(timedelta(minutes=1))
    tokens.remember("t", "", CALLER, IN_AN_HOUR, NOON)
    assert tokens.find("t", "", NOON + timedelta(seconds=59)) is CALLER
    assert tokens.find("t", "", NOON + timedelta(seconds=60)) is None


def test_memory_is_bounded_and_the_oldest_goes() -> None:
    tokens = VerifiedTokens(most=3)
    for number in range(10):
        tokens.remember(str(number), "", CALLER, IN_AN_HOUR, NOON)
    assert len(tokens) == 3
    assert [tokens.find(str(n), "", NOON) is CALLER for n in (6, 7, 8, 9)] == [False, True, True, True]


def test_everything_can_be_forgotten_and_no_token_is_kept() -> None:
    tokens = VerifiedTokens()
    tokens.remember("the-token-itself", "", CALLER, IN_AN_HOUR, NOON)
    assert "the-token" not in repr(tokens._callers)
    tokens.forget()
    assert tokens.find("the-token-itself", "", NOON) is None
