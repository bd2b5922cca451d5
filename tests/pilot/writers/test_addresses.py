"""Virtual addresses of ServiceEntries, written into their status."""

from pilot.model.service_entry import ServiceEntry
from pilot.writers.addresses import wanted_addresses
from tests.pilot.model.meshes import objects


def entries(*texts: str) -> list[ServiceEntry]:
    found = objects("\n---\n".join(texts))
    return [each for each in found if isinstance(each, ServiceEntry)]


def entry(name: str, created: str, spec: str = "resolution: DNS", status: str = "") -> str:
    written = f"\nstatus: {{addresses: [{status}]}}" if status else ""
    return (
        f"kind: ServiceEntry\nmetadata: {{name: {name}, namespace: a, creationTimestamp: '{created}'}}\n"
        f"spec: {{hosts: [{name}.example.com], ports: [{{number: 80, name: http, protocol: HTTP}}], {spec}}}{written}"
    )


def test_an_entry_without_addresses_gets_one_of_each_family() -> None:
    assert wanted_addresses(entries(entry("x", "2026"))) == {
        ("a", "x"): (("x.example.com", "240.240.0.1"), ("x.example.com", "2001:2::1"))
    }


def test_who_has_them_or_may_not_have_them_is_left_alone() -> None:
    written = "{host: x.example.com, value: 240.240.0.9}, {host: x.example.com, value: '2001:2::9'}"
    assert not wanted_addresses(entries(entry("x", "2026", status=written)))
    assert not wanted_addresses(entries(entry("x", "2026", "resolution: NONE")))


def test_of_two_with_one_address_the_older_keeps_it() -> None:
    written = "{{host: {0}.example.com, value: 240.240.0.9}}, {{host: {0}.example.com, value: '2001:2::{1}'}}"
    old, new = (
        entry("old", "2025", status=written.format("old", 9)),
        entry("new", "2026", status=written.format("new", 8)),
    )
    assert wanted_addresses(entries(new, old)) == {
        ("a", "new"): (("new.example.com", "240.240.0.1"), ("new.example.com", "2001:2::1"))
    }


def test_an_address_that_somebody_wrote_into_a_spec_is_nobodys() -> None:
    written = "{host: x.example.com, value: 240.240.0.1}, {host: x.example.com, value: '2001:2::1'}"
    taken = entry("user", "2026", "resolution: DNS, addresses: [240.240.0.1]")
    found = wanted_addresses(entries(entry("x", "2025", status=written), taken))
    assert found == {("a", "x"): (("x.example.com", "240.240.0.2"), ("x.example.com", "2001:2::1"))}
