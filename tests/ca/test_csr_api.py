"""One request to Kubernetes' CSR API, against a server of a few lines; a real one is in test_registration.py."""

import base64
from typing import Any

import pytest

from ca import csr_api
from ca.csr_api import request_certificate
from ca.errors import GenerationError, KubernetesError
from tests.ca.makers import ec_key, make_csr

CSR = make_csr(ec_key())


class Api:
    """Answers with a status, and remembers what was asked."""

    def __init__(self, status: dict[str, Any] | None = None, failing: str = "") -> None:
        self.status = status or {}
        self.failing = failing
        self.calls: list[tuple[str, str, Any]] = []

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        self.calls.append((method, path.rpartition("/")[2], body))
        if method == self.failing:
            raise KubernetesError("forbidden", 403)
        return {"metadata": {"name": "csr-1"}, "status": self.status}


async def test_request_is_made_approved_awaited_and_removed() -> None:
    api = Api({"certificate": base64.b64encode(b"pem").decode()})
    assert await request_certificate(api, CSR, "example.com/x", ("server auth",), 60) == b"pem"
    assert [each[:2] for each in api.calls] == [
        ("POST", "certificatesigningrequests"),
        ("PUT", "approval"),
        ("GET", "csr-1"),
        ("DELETE", "csr-1"),
    ]
    spec = api.calls[0][2]["spec"]
    assert base64.b64decode(spec["request"]).decode() == CSR
    assert (spec["signerName"], spec["usages"], spec["expirationSeconds"]) == ("example.com/x", ["server auth"], 600)


async def test_no_lifetime_is_asked_for_where_none_is_wanted() -> None:
    api = Api({"certificate": ""} | {"certificate": base64.b64encode(b"pem").decode()})
    await request_certificate(api, CSR, "example.com/x", (), 0)
    assert "expirationSeconds" not in api.calls[0][2]["spec"]


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ({"conditions": [{"type": "Denied", "reason": "No", "message": "m" * 999}]}, "refused: No: m{200}$"),
        ({"conditions": [{"type": "Failed"}]}, "refused"),
        ({"certificate": "!"}, "unreadable"),
        ({"certificate": 7}, "unreadable"),
    ],
)
async def test_refusal_and_nonsense_are_failures_and_nothing_is_left(status: dict[str, Any], why: str) -> None:
    api = Api(status)
    with pytest.raises(GenerationError, match=why):
        await request_certificate(api, CSR, "example.com/x", (), 0)
    assert api.calls[-1][0] == "DELETE"


@pytest.mark.parametrize("method", ["POST", "PUT", "GET"])
async def test_failing_api_server_is_a_failure(method: str) -> None:
    with pytest.raises(GenerationError, match=r"example\.com/x: forbidden"):
        await request_certificate(Api(failing=method), CSR, "example.com/x", (), 0)


async def test_signer_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csr_api, "WAIT_SECONDS", 0.05)
    api = Api()
    with pytest.raises(GenerationError, match="did not answer"):
        await request_certificate(api, CSR, "example.com/x", (), 0)
    assert api.calls[-1][0] == "DELETE"
