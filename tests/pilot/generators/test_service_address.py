from typing import Any

from pilot.generators.service_address import localhost, service_address, wildcard_addresses
from pilot.model.features import Features
from pilot.model.service import Service
from pilot.view.proxy import IpMode
from tests.pilot.generators.samples import entry, service
from tests.pilot.generators.worlds import traits

BOTH = Features(dual_stack=True)
V4, V6, DUAL = traits(), traits(ip_mode=IpMode.V6), traits(ip_mode=IpMode.DUAL)


def with_vips(*addresses: str) -> Service:
    return service(cluster_vips={"Kubernetes": addresses}, address=addresses[0])


def test_the_address_is_that_of_the_own_cluster_and_family() -> None:
    either = with_vips("10.0.0.7", "fd00::7")

    assert service_address(either, V4, Features()).primary == "10.0.0.7"
    assert service_address(either, V6, Features()).primary == "fd00::7"
    assert service_address(either, traits(cluster_id="other"), Features()).primary == "10.0.0.7"


def test_a_dual_stack_proxy_takes_the_family_of_the_service_and_the_rest_where_that_is_on() -> None:
    either = with_vips("fd00::7", "10.0.0.7")
    one, two = service_address(either, DUAL, Features()), service_address(either, DUAL, BOTH)

    assert (one.primary, one.extra, one.names) == ("fd00::7", (), ("fd00::7",))
    assert (two.primary, two.extra, two.names) == ("fd00::7", ("10.0.0.7",), ("fd00::7", "10.0.0.7"))


def test_a_service_of_the_other_family_keeps_its_own_address() -> None:
    assert service_address(with_vips("fd00::7"), V4, Features()).primary == "fd00::7"


def test_an_entry_without_address_has_the_allocated_one_where_names_are_captured() -> None:
    allocated = entry(auto_allocated_v4="240.240.0.1", auto_allocated_v6="2001:2::1")

    def seen(features: Features = BOTH, **more: Any) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        made = service_address(allocated, traits(dns_auto_allocate=True, **more), features)
        return made.primary, made.extra, made.names

    assert service_address(allocated, V4, Features()).is_unspecified
    assert seen() == ("240.240.0.1", (), ("240.240.0.1",))
    assert seen(ip_mode=IpMode.V6) == ("2001:2::1", (), ("2001:2::1",))
    assert seen(ip_mode=IpMode.DUAL) == ("240.240.0.1", ("2001:2::1",), ("240.240.0.1",))


def test_a_range_is_an_address_too() -> None:
    made = service_address(entry(address="192.0.2.0/24"), V4, Features())

    assert made.primary == "192.0.2.0/24"
    assert not made.is_unspecified


def test_a_proxy_listens_on_every_family_it_has() -> None:
    assert wildcard_addresses(V4, BOTH) == ("0.0.0.0",)
    assert wildcard_addresses(V6, BOTH) == ("::",)
    assert wildcard_addresses(DUAL, BOTH) == ("0.0.0.0", "::")
    assert wildcard_addresses(DUAL, Features()) == ("0.0.0.0",)
    assert (localhost(V4), localhost(V6)) == ("127.0.0.1", "::1")
