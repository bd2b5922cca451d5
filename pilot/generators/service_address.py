"""The addresses under which a proxy reaches a service.

In: a service and what a class of proxies is. Out: addresses (IPs; a CIDR where a ServiceEntry has one; `0.0.0.0` where
there is none). Does not look at endpoints. Source: xDS behaviour 2.7.
"""

from dataclasses import dataclass

from pilot.memo import memoized
from pilot.model.features import Features
from pilot.model.service import UNSPECIFIED_ADDRESS, Service
from pilot.view.proxy import IpMode, Traits


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """Where a service is: `primary` names its listeners, the others are additional."""

    primary: str
    extra: tuple[str, ...] = ()
    """Dual-stack proxies only."""
    names: tuple[str, ...] = ()
    """Every address that may stand in a Host header."""

    @property
    def is_unspecified(self) -> bool:
        """Headless services, and ServiceEntries without an address."""
        return self.primary in (UNSPECIFIED_ADDRESS, "")


def service_address(service: Service, traits: Traits, features: Features) -> ServiceAddress:
    """The addresses of a service for such a proxy."""
    wants_both = traits.ip_mode is IpMode.DUAL and (features.dual_stack or features.ambient)
    return _address(service, traits.cluster_id, traits.ip_mode, traits.dns_auto_allocate, wants_both)


@memoized(size=65_536)
def _address(service: Service, cluster: str, mode: IpMode, auto_allocate: bool, both: bool) -> ServiceAddress:
    vips = service.cluster_vips.get(cluster, ()) if cluster else ()
    if vips:
        usable = vips if both else tuple(each for each in vips if is_v6(each) == _wants_v6(mode, vips[0]))
        if usable:
            return ServiceAddress(usable[0], usable[1:] if both else (), usable)
    elif auto_allocate and service.address in (UNSPECIFIED_ADDRESS, ""):
        allocated = [service.auto_allocated_v4] if mode is not IpMode.V6 else []
        allocated += [service.auto_allocated_v6] if mode is not IpMode.V4 else []
        found = tuple(each for each in allocated if each)
        if found:
            return ServiceAddress(found[0], found[1:] if both else (), found[:1])
    return ServiceAddress(service.address, (), (service.address,))


def _wants_v6(mode: IpMode, first: str) -> bool:
    """Which family to take; a dual-stack proxy takes that of the service."""
    return is_v6(first) if mode is IpMode.DUAL else mode is IpMode.V6


def is_v6(address: str) -> bool:
    """Whether an IP address or CIDR is of version 6."""
    return ":" in address


def wildcard_addresses(traits: Traits, features: Features) -> tuple[str, ...]:
    """Every address of the proxy itself, as a bind address and additional ones."""
    if traits.ip_mode is IpMode.V6:
        return ("::",)
    if traits.ip_mode is IpMode.DUAL and (features.dual_stack or features.ambient):
        return (UNSPECIFIED_ADDRESS, "::")
    return (UNSPECIFIED_ADDRESS,)


def localhost(traits: Traits) -> str:
    """The loopback address of the proxy."""
    return "::1" if traits.ip_mode is IpMode.V6 else "127.0.0.1"
