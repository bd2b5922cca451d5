"""Certificates in dumps."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

from pilot.cli.secret_rows import secret_rows
from tests.pilot.agent.small_ca import SmallCa


def dump(secret: Any) -> Any:
    entry = {"name": "default", "secret": secret}
    return {"configs": [{"@type": "x/envoy.admin.v3.SecretsConfigDump", "dynamic_active_secrets": [entry]}]}


def test_a_certificate_that_holds_and_one_that_does_not() -> None:
    root = b64encode(SmallCa().pem.encode()).decode()
    now = datetime.now(UTC)
    secret = {"validation_context": {"trusted_ca": {"inline_bytes": root}}}
    (row,) = secret_rows(dump(secret), now)
    assert row[:4] == ("default", "CA", "ACTIVE", "true")
    assert int(row[4], 16) > 0
    assert row[5] > row[6]
    (late,) = secret_rows(dump(secret), now + timedelta(days=365 * 100))
    assert late[3] == "false"


def test_what_is_no_certificate() -> None:
    now = datetime.now(UTC)
    for text in ("", "bm9uc2Vuc2U="):
        secret = {"tls_certificate": {"certificate_chain": {"inline_bytes": text}}}
        assert secret_rows(dump(secret), now) == [("default", "Cert Chain", "ACTIVE", "false", "", "", "")]
    assert secret_rows(dump({"generic_secret": {}}), now)[0][1] == "Unknown"
