import pytest

from pilot.validation.syntax import (
    address_family,
    cidr_fault,
    endpoint_fault,
    header_fault,
    host_fault,
    ip_fault,
    name_fault,
    port_fault,
)


@pytest.mark.parametrize("host", ["a", "*", "a.example.com", "*.example.com", "*-x.example.com", "10.0.0.1", "fd00::1",
                                  "a.b.", "_acme.example.com", "A.Example.com"])  # fmt: skip
def test_hosts_are_names_wildcards_and_addresses(host: str) -> None:
    assert host_fault(host) is None


@pytest.mark.parametrize("host", ["", "a b", "a..b", ".a", "a.*", "*a*", "http://a", "a:80", "a/b", "-a", "x" * 300])
def test_other_hosts_are_refused(host: str) -> None:
    fault = host_fault(host)
    assert fault is not None
    assert fault.startswith("expected a host name, *.domain or an IP address, got the string ")


def test_addresses_have_a_family() -> None:
    assert [address_family(text) for text in ("10.0.0.1", "fd00::1")] == [4, 6]
    assert [address_family(text) for text in ("10.0.0.300", "010.0.0.1", "fe80::1%eth0", "")] == [0, 0, 0, 0]
    assert ip_fault("10.0.0.300", 4) == 'expected an IPv4 address, got the string "10.0.0.300"'
    assert ip_fault("fd00::1", 4) == 'expected an IPv4 address, got the string "fd00::1"'
    assert ip_fault("x") == 'expected an IP address, got the string "x"'
    assert ip_fault("fd00::1") is None


def test_cidrs_may_have_bits_behind_the_prefix() -> None:
    assert cidr_fault("10.1.2.3/8") is None
    assert cidr_fault("fd00::/8") is None
    assert cidr_fault("10.0.0.0/33") == 'expected an IP address or CIDR, got the string "10.0.0.0/33"'


@pytest.mark.parametrize("address", ["10.0.0.1", "fd00::1", "db.example.com", "unix:///var/run/x"])
def test_endpoints_have_addresses_names_or_sockets(address: str) -> None:
    assert endpoint_fault(address) is None


@pytest.mark.parametrize("address", ["", "10.0.0.300", "1.2.3", "*.example.com", "a b", "unix://x", "fd00::zz:1"])
def test_other_endpoints_are_refused(address: str) -> None:
    assert endpoint_fault(address) is not None


def test_ports_have_a_range() -> None:
    assert port_fault(1) is port_fault(65535) is port_fault(0, 0) is None
    assert port_fault(0) == "expected a port from 1 to 65535, got 0"
    assert port_fault(70000, 0) == "expected a port from 0 to 65535, got 70000"


def test_names_of_headers_are_plain() -> None:
    assert header_fault("X-User-1") is None
    assert header_fault("x_user") == 'expected letters, digits and -, got the string "x_user"'
    for name in ("", "a b", ":path", "a\n", "é"):
        assert header_fault(name) is not None


def test_names_are_lower_case() -> None:
    assert name_fault("a-b.c1") is None
    for name in ("", "A", "a_b", "-a", "a/b", "a" * 300, "a\n"):
        assert name_fault(name) is not None
