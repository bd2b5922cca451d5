"""All Secrets and ConfigMaps of the mesh, and who may read them.

In: the store of declared objects and what changed in it. Out: `Credentials`, the same object while nothing of it
changes. Decides nothing about single proxies: see `view/credential_access.py`. Source: xDS behaviour 1.11.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from pilot.model import access_control
from pilot.model.certificates import key_pair, secret_roots
from pilot.model.draft import Draft
from pilot.model.object_store import ObjectStore, Replacement
from pilot.model.problem import Problem, Severity
from pilot.model.secret import ConfigMap, Secret

_KINDS = access_control.KINDS | {Secret.KIND, ConfigMap.KIND}
_NAMES = ("cert", "tls_crt")
_ROOTS = ("cacert", "ca_crt")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What gateways may be given beside their configuration."""

    secrets: Mapping[str, Mapping[str, Secret]] = field(default_factory=dict)
    """By namespace, then name."""
    config_maps: Mapping[str, Mapping[str, ConfigMap]] = field(default_factory=dict)
    roles: ObjectStore = field(default_factory=ObjectStore)
    """Roles and bindings alone."""
    faults: Mapping[tuple[str, str], Problem] = field(default_factory=dict)
    """By namespace and name: Secrets with a certificate that cannot be served."""

    def problems(self) -> Iterator[Problem]:
        """What is wrong with Secrets, in order of their names."""
        for place in sorted(self.faults):
            yield self.faults[place]

    def may_list(self, namespace: str, account: str) -> bool:
        """Whether a service account may read the Secrets of its namespace."""
        return access_control.may_list_secrets(self.roles, namespace, account)


def update(known: Credentials, store: ObjectStore, replaced: tuple[Replacement, ...]) -> Credentials:
    """The credentials after the changes. `store` already has them."""
    changed = [each for each in replaced if each.key.kind in _KINDS and each.old != each.new]
    if not changed:
        return known
    faults = Draft(known.faults)
    for each in changed:
        if each.key.kind == Secret.KIND:
            faults.set((each.key.namespace, each.key.name), _fault(each.new))
    roles = known.roles
    if any(each.key.kind in access_control.KINDS for each in changed):
        roles = ObjectStore({kind: store.kinds[kind] for kind in access_control.KINDS if kind in store.kinds})
    return Credentials(
        secrets=cast(Any, store.kinds.get(Secret.KIND, {})),
        config_maps=cast(Any, store.kinds.get(ConfigMap.KIND, {})),
        roles=roles,
        faults=faults.finish(),
    )


def _fault(declared: object) -> Problem | None:
    """What is wrong with the certificate of a Secret that has one, or with its roots."""
    if not isinstance(declared, Secret):
        return None
    if any(declared.value(name) is not None for name in _NAMES):
        pair = key_pair(declared)
        if isinstance(pair, str):
            return Problem(f"{pair}: it is not served", declared.key)
        if pair.fault:
            return Problem(f"{pair.fault}: the certificate is served without", declared.key, severity=Severity.WARNING)
    if any(declared.value(name) for name in _ROOTS):
        roots = secret_roots(declared)
        if isinstance(roots, str):
            return Problem(f"{roots}: no client that must show a certificate gets in", declared.key)
    return None
