"""Who calls the secure port, told in the xDS server's words."""

import logging

import pytest

from pilot.authentication import translated
from pilot.errors import Unauthenticated
from tests.ca.authn.test_grpc_call import ISSUER, Context, authentication, bearer
from tests.ca.makers import APP


async def test_a_client_certificate_names_its_owner() -> None:
    assert await translated(authentication())(Context("unix:/run/x/1")) == (APP,)


async def test_a_token_names_its_subject() -> None:
    context = Context("unix:/run/x/2", bearer(ISSUER.issue("shop", "back")))
    found = await translated(authentication())(context)
    assert found is not None
    assert found[0].endswith("/ns/shop/sa/back")


async def test_nobody_is_asked_in_plaintext() -> None:
    assert await translated(authentication())(Context("ipv4:10.0.0.3:5")) is None


async def test_a_refused_caller_sees_no_reason_and_the_log_does(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    token = "not.a.token"
    with pytest.raises(Unauthenticated) as refused:
        await translated(authentication())(Context("unix:/run/x/2", bearer(token)))
    assert str(refused.value) == "authentication failure"
    (line,) = [each.getMessage() for each in caplog.records]
    assert line.startswith("stream of 10.0.0.2:5 refused: ")
    assert "token" in line
    assert token not in line
