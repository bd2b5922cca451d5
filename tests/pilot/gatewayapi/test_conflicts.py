"""Listeners that contradict each other."""

from pilot.gatewayapi import conflicts
from pilot.gatewayapi.gateway import Listener

OWN = ("Gateway", "gws", "main")
SET = ("XListenerSet", "app", "more")


def listener(name: str, protocol: str, port: int = 80, hostname: str = "") -> Listener:
    """A listener."""
    return Listener(name=name, protocol=protocol, port=port, hostname=hostname)


def found(*listeners: tuple[tuple[str, str, str], Listener]) -> dict[str, str]:
    """Reasons by name of the listener."""
    return {name: str(fault.reason) for (_, name), fault in conflicts.find(listeners).items()}


def test_within_an_object_nobody_wins() -> None:
    same = (OWN, listener("a", "HTTP", hostname="x.com")), (OWN, listener("b", "HTTP", hostname="x.com"))
    assert found(*same) == {"a": "HostnameConflict", "b": "HostnameConflict"}
    mixed = (OWN, listener("a", "HTTP")), (OWN, listener("b", "TCP")), (OWN, listener("c", "HTTP", hostname="y.com"))
    assert found(*mixed) == {"a": "ProtocolConflict", "b": "ProtocolConflict", "c": "ProtocolConflict"}


def test_between_objects_the_first_wins() -> None:
    assert found((OWN, listener("a", "TCP")), (SET, listener("b", "TCP"))) == {"b": "HostnameConflict"}
    assert found((OWN, listener("a", "HTTP")), (SET, listener("b", "TCP"))) == {"b": "ProtocolConflict"}


def test_what_can_be_told_apart_is_no_conflict() -> None:
    hosts = (OWN, listener("a", "HTTPS", 443, "a.com")), (OWN, listener("b", "TLS", 443, "b.com"))
    plain = (OWN, listener("c", "HTTP", 443, "a.com")), (OWN, listener("d", "TCP", 9000)), (OWN, listener("e", "X"))
    assert found(*hosts, *plain) == {}


def test_https_and_tls_claim_names_together() -> None:
    assert found((OWN, listener("a", "HTTPS", 443)), (OWN, listener("b", "TLS", 443))) == {
        "a": "HostnameConflict",
        "b": "HostnameConflict",
    }
