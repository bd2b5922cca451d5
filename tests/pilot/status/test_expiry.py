"""Certificates past their time."""

from datetime import UTC, datetime
from typing import Any

from pilot.model.certificates import end_of
from pilot.model.objects import ObjectKey
from pilot.model.secret import Secret
from pilot.status.statuses import statuses
from tests.pilot.gatewayapi.worlds import gateway, world
from tests.pilot.model.pems import tls_secret
from tests.pilot.status.worlds import brief

TLS = "tls: {certificateRefs: [{name: c}]}"
LISTENERS = f"[{{name: tls, port: 443, protocol: HTTPS, {TLS}}}, {{name: http, port: 80, protocol: HTTP}}]"


def test_an_expired_certificate_is_told_of_and_nothing_else() -> None:
    snapshot = world(gateway(LISTENERS), tls_secret("gws", "c"))
    secret = snapshot.seen.get(Secret, "gws", "c")
    assert secret is not None
    end = end_of(secret)
    assert end is not None

    def listeners(now: datetime | None) -> list[dict[str, str]]:
        found: Any = statuses(snapshot, now)[ObjectKey("KubernetesGateway", "gws", "main")]
        return [brief(each["conditions"]) for each in found["listeners"]]

    assert [each["ResolvedRefs"] for each in listeners(end)] == ["False InvalidCertificateRef", "True ResolvedRefs"]
    assert {each["Programmed"] for each in listeners(end)} == {"True Programmed"}
    for early in (None, datetime(2000, 1, 1, tzinfo=UTC)):
        assert {each["ResolvedRefs"] for each in listeners(early)} == {"True ResolvedRefs"}
