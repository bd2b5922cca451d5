"""Under which names clients ask for a service: the domains of its virtual host.

In: a service, and the proxy's own domain. Out: names, most specific first. Does not know of other services: whoever
puts virtual hosts together drops what is taken. Source: xDS behaviour 5.3 (domains).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from pilot.generators.service_address import is_v6, service_address
from pilot.memo import memoized
from pilot.model.features import Features
from pilot.model.service import UNSPECIFIED_ADDRESS, Resolution, Service
from pilot.view.proxy import Traits


@dataclass(frozen=True, slots=True, eq=False)
class Domains:
    """The names of one virtual host; made once for each service and proxy domain."""

    names: tuple[str, ...]
    folded: frozenset[str]
    """In lower case: host names do not differ by case."""
    short: frozenset[str]
    """Those that stand for a longer name (folded); they give way to a service that really has that name."""


def domains_of(names: tuple[str, ...], short: frozenset[str] = frozenset()) -> Domains:
    """The `Domains` of these names."""
    return Domains(names, frozenset(each.lower() for each in names), short)


def service_domains(service: Service, port: int, traits: Traits, features: Features) -> Domains:
    """The names of a service; `port` 0: without ports, else each is followed by its form with that port."""
    addresses = service_address(service, traits, features).names
    return _service_domains(service, port, traits.domain, addresses, features.absolute_fqdn_domains)


@memoized(size=65_536)
def _service_domains(
    service: Service, port: int, proxy_domain: str, addresses: tuple[str, ...], absolute: bool
) -> Domains:
    hosts = (service.hostname, *(each.hostname for each in service.aliases))
    names: list[str] = []
    short: set[str] = set()
    for host in hosts:
        names.append(host)
        if absolute and not _is_ip(host):
            names.append(f"{host}.")
        forms = tuple(short_names(host, proxy_domain))
        names.extend(forms)
        short.update(form.lower() for form in forms)
    if service.is_kubernetes and service.resolution is Resolution.PASSTHROUGH:
        names.extend([f"*.{name}" for name in names])  # pods of a StatefulSet have names below the service's
    names.extend(
        f"[{each}]" if is_v6(each) and "/" not in each else each for each in addresses if each != UNSPECIFIED_ADDRESS
    )
    if port:
        names = [form for name in names for form in (name, f"{name}:{port}")]
    return domains_of(tuple(dict.fromkeys(names)), frozenset(short))


def short_names(host: str, proxy_domain: str) -> Iterator[str]:
    """What a client in `proxy_domain` may say for `host`, by the search list of its resolver."""
    if ".svc." in proxy_domain:
        own_namespace, _, suffix = proxy_domain.partition(".svc.")
        tail = f".svc.{suffix}"
        name, _, namespace = host.removesuffix(tail).rpartition(".")
        if not host.endswith(tail) or not name or name == "*":
            return
        if namespace == own_namespace:
            yield from (name, f"{name}.{namespace}.svc", f"{name}.{namespace}")
        else:
            yield from (f"{name}.{namespace}", f"{name}.{namespace}.svc")
    elif proxy_domain:
        yield from _without_shared_labels(host.split("."), proxy_domain.split("."))


def _without_shared_labels(host: list[str], domain: list[str]) -> Iterator[str]:
    shared = 0
    while shared < min(len(host), len(domain)) and host[-1 - shared] == domain[-1 - shared]:
        shared += 1
    unique = host[: len(host) - shared]
    if not shared or not unique or unique == ["*"]:
        return
    yield ".".join(unique)
    if len(unique) == 2:
        yield ".".join([*unique, host[len(unique)]])


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
