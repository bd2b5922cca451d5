"""Host names that were looked up for everybody: those of gateways of networks.

In: objects that a resolver made. Out: addresses by name, the same mapping while they are the same. Looks up nothing.
Source: xDS behaviour 2.6.
"""

from collections.abc import Mapping
from typing import ClassVar

from pilot.model.object_store import ObjectStore, Replacement
from pilot.model.objects import Metadata, Object

Addresses = Mapping[str, tuple[str, ...]]
"""By host name: sorted; names that nobody knows are not there."""
NO_ADDRESSES: Addresses = {}


class HostAddresses(Object, frozen=True):
    """What a name, `metadata.name`, stands for. Made by who looks it up."""

    KIND: ClassVar[str] = "HostAddresses"

    addresses: tuple[str, ...] = ()


def host_addresses(name: str, addresses: tuple[str, ...]) -> HostAddresses:
    """The object for a name."""
    return HostAddresses(metadata=Metadata(name=name), addresses=tuple(sorted(addresses)))


def update(known: Addresses, store: ObjectStore, replaced: tuple[Replacement, ...]) -> Addresses:
    """The addresses after the changes. `store` already has them."""
    if not any(each.key.kind == HostAddresses.KIND for each in replaced):
        return known
    now = {each.name: each.addresses for each in store.of(HostAddresses) if each.addresses}
    return now if now != known else known
