from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pilot.model.address_allocation import Allocated, Ranges, allocate, is_eligible
from pilot.model.service_entry import ServiceEntry
from tests.pilot.model.meshes import objects, only


def entry(name: str, spec: str = "{resolution: DNS, hosts: [%s.com]}", **more: str) -> str:
    labels, created = more.get("labels", "{}"), more.get("created", "2024-01-01T00:00:00Z")
    body = spec % name if "%s" in spec else spec
    return f"""
kind: ServiceEntry
metadata: {{name: {name}, namespace: {more.get("namespace", "a")}, labels: {labels}, creationTimestamp: "{created}"}}
spec: {body}
status: {more.get("status", "{}")}
"""


def addresses(*texts: str) -> dict[str, Allocated]:
    entries = [each for each in objects("---".join(texts)) if isinstance(each, ServiceEntry)]
    return {host: found for hosts in allocate(entries).values() for host, found in hosts.items()}


def test_hosts_get_the_next_addresses_in_order_of_creation() -> None:
    found = addresses(entry("b"), entry("a"), entry("old", created="2023-01-01T00:00:00Z"), entry("z", namespace="0ns"))
    assert found == {
        "old.com": Allocated("240.240.0.1", "2001:2::1"),
        "z.com": Allocated("240.240.0.2", "2001:2::2"),
        "a.com": Allocated("240.240.0.3", "2001:2::3"),
        "b.com": Allocated("240.240.0.4", "2001:2::4"),
    }


def test_addresses_in_use_are_passed_over() -> None:
    found = addresses(
        entry("a"),
        entry(
            "given",
            status="{addresses: [{host: given.com, value: 240.240.0.1}, {host: given.com, value: '2001:2::9'}]}",
        ),
        entry("own", "{resolution: STATIC, hosts: [own.com], addresses: [240.240.0.2, 240.240.0.4/31, 10.0.0.0/8]}"),
        entry("z"),
    )
    assert found == {
        "a.com": Allocated("240.240.0.3", "2001:2::1"),
        "given.com": Allocated("240.240.0.1", "2001:2::9"),
        "z.com": Allocated("240.240.0.6", "2001:2::2"),
    }


def test_other_ranges_are_used_and_have_an_end() -> None:
    texts = [entry("a"), entry("b"), entry("c"), entry("own", "{hosts: [o.com], addresses: [10.1.0.0/31]}")]
    entries = [each for each in objects("---".join(texts)) if isinstance(each, ServiceEntry)]
    found = allocate(entries, Ranges("10.1.0.0/30", "fd00::/64"))
    assert [found["a", name][f"{name}.com"] for name in ("a", "b", "c")] == [
        Allocated("10.1.0.2", "fd00::1"),
        Allocated("", "fd00::2"),
        Allocated("", "fd00::3"),
    ]


def test_who_gets_none() -> None:
    assert not is_eligible(only(entry("a", "{resolution: NONE, hosts: [a.com]}")))
    assert not is_eligible(only(entry("a", "{resolution: DNS, hosts: [a.com], addresses: [10.0.0.1]}")))
    assert not is_eligible(only(entry("a", labels='{networking.istio.io/enable-autoallocate-ip: "false"}')))
    assert is_eligible(only(entry("a")))


def test_wildcards_get_an_address_only_when_resolved_on_demand() -> None:
    found = addresses(
        entry("dyn", "{resolution: DYNAMIC_DNS, hosts: ['*.dyn.com']}"),
        entry("static", "{resolution: STATIC, hosts: ['*.static.com'], endpoints: [{address: 1.1.1.1}]}"),
    )
    assert found == {"*.dyn.com": Allocated("240.240.0.1", "2001:2::1")}


@given(st.permutations([entry(name) for name in "abcd"]))
def test_the_order_in_which_entries_arrive_means_nothing(texts: list[str]) -> None:
    assert addresses(*texts) == addresses(*[entry(name) for name in "abcd"])


def test_malformed_addresses_take_nothing() -> None:
    own = only(entry("own", "{resolution: STATIC, hosts: [own.com], addresses: [240.240.0.2]}"))
    broken = replace(own, spec=replace(own.spec, addresses=("not an address",)))
    assert allocate([broken, only(entry("z"))])["a", "z"] == {"z.com": Allocated("240.240.0.1", "2001:2::1")}
