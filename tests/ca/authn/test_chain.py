import pytest

from ca.authn.caller import Call, Caller
from ca.authn.chain import Chain
from ca.errors import CredentialError, UnauthenticatedError

SECURE = Call("10.0.0.1:5", is_secure=True)
PLAIN = Call("10.0.0.1:5", is_secure=False)


class Known:
    """Accepts everybody under one name, and counts."""

    name = "Known"

    def __init__(self, identity: str = "spiffe://cluster.local/ns/a/sa/b") -> None:
        self.identity = identity
        self.asked = 0

    async def authenticate(self, call: Call) -> Caller:
        self.asked += 1
        return Caller((self.identity,), self.name)


class Stranger:
    """Accepts nobody."""

    name = "Stranger"

    async def authenticate(self, call: Call) -> Caller:
        raise CredentialError("never seen")


async def test_first_who_knows_the_caller_decides() -> None:
    first, second = Known("first"), Known("second")
    caller = await Chain((Stranger(), first, second)).identify(SECURE)
    assert (caller.identities, first.asked, second.asked) == (("first",), 1, 0)


async def test_when_nobody_knows_the_caller_every_reason_is_kept() -> None:
    with pytest.raises(UnauthenticatedError) as refused:
        await Chain((Stranger(), Stranger())).identities(SECURE)
    assert refused.value.reasons == (("Stranger", "never seen"),) * 2


async def test_without_authenticators_nobody_is_known() -> None:
    with pytest.raises(UnauthenticatedError):
        await Chain(()).identify(SECURE)


async def test_stream_without_tls_has_no_identity_and_a_certificate_request_is_refused() -> None:
    known = Known()
    assert await Chain((known,)).identities(PLAIN) is None
    with pytest.raises(UnauthenticatedError):
        await Chain((known,)).identify(PLAIN)
    assert known.asked == 0


async def test_plaintext_is_asked_where_that_is_switched_on() -> None:
    chain = Chain((Known("me"),), is_plaintext_included=True)
    assert await chain.identities(PLAIN) == ("me",)
    assert (await chain.identify(PLAIN)).identities == ("me",)


async def test_switched_off_streams_pass_and_certificate_requests_do_not() -> None:
    chain = Chain((Known(),), is_enabled=False)
    assert await chain.identities(SECURE) is None
    with pytest.raises(UnauthenticatedError):
        await chain.identify(SECURE)
