"""Which Secrets a proxy may have: those of the namespace that it proves to be from, and those its Gateways refer to.

In: a snapshot's credentials, the verified identity of a stream, the Gateways that apply. Out: `CredentialAccess`, the
same object for proxies that may have the same. Source: xDS behaviour 1.11, 4.11 (verified references).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain

from pilot.memo import memoized
from pilot.model.credentials import Credentials
from pilot.model.gateway import GatewayServer
from pilot.model.interning import Interner
from pilot.model.secret import ConfigMap, Secret

GATEWAY_SCHEME = "kubernetes-gateway://"
ROOTS_SUFFIX = "-cacert"
_IDENTITY = re.compile(r"spiffe://[^/]+/ns/(?P<namespace>[^/]+)/sa/(?P<account>[^/]+)")
_SHARED: "Interner[CredentialAccess]" = Interner(4096)
_NO_SECRETS: Mapping[str, Secret] = {}
_NO_CONFIG_MAPS: Mapping[str, Mapping[str, ConfigMap]] = {}
_NO_REFERENCES: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class CredentialAccess:
    """What may be served. Equal parts are the same objects."""

    namespace: str = ""
    """Of the verified identity; empty: nothing is served."""
    may_list: bool = False
    """Whether certificates with keys of the namespace may be read, and not only roots."""
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    """Of the namespace, by name."""
    referenced: Mapping[str, Secret] = field(default_factory=dict)
    """By `namespace/name`: those that Gateways may use by reference."""
    references: frozenset[str] = frozenset()
    """Resource names `kubernetes-gateway://...` that Gateways of the proxy hold."""
    config_maps: Mapping[str, Mapping[str, ConfigMap]] = field(default_factory=dict)
    """By namespace, then name."""


NOTHING = CredentialAccess()


def access_of(
    credentials: Credentials, identity: str, gateways: tuple[GatewayServer, ...], near: Credentials | None = None
) -> CredentialAccess:
    """What a proxy with this verified identity may have; nothing without one.

    `near`: of the proxy's own cluster, if that is another one: it decides who may read, and its Secrets come first.
    """
    found = _IDENTITY.fullmatch(identity)
    if found is None:
        return NOTHING
    namespace, account = found["namespace"], found["account"]
    references = _references(gateways, namespace, account)
    referenced = {
        place: secret
        for place in sorted({place for each in references for place in _places(each)})
        if (secret := _find(credentials, place)) is not None
    }
    made = CredentialAccess(
        namespace=namespace,
        may_list=(near or credentials).may_list(namespace, account),
        secrets=_secrets(namespace, credentials, near),
        referenced=referenced,
        references=references,
        config_maps=credentials.config_maps or _NO_CONFIG_MAPS,
    )
    key = (
        namespace,
        made.may_list,
        id(made.secrets),
        tuple((place, id(secret)) for place, secret in referenced.items()),
        references,
        id(made.config_maps),
    )
    return _SHARED.same(key, made)


def _secrets(namespace: str, credentials: Credentials, near: Credentials | None) -> Mapping[str, Secret]:
    own = credentials.secrets.get(namespace, _NO_SECRETS)
    nearer = near.secrets.get(namespace, _NO_SECRETS) if near is not None else _NO_SECRETS
    return _over(own, nearer) if own and nearer else nearer or own


@memoized(size=1024)
def _over(own: Mapping[str, Secret], nearer: Mapping[str, Secret]) -> Mapping[str, Secret]:
    return {**own, **nearer}


@memoized(size=4096)
def _references(gateways: tuple[GatewayServer, ...], namespace: str, account: str) -> frozenset[str]:
    """Names of credentials by reference that are for this identity: of its namespace, with grants looked at already."""
    found: set[str] = set()
    for each in gateways:
        tls = each.server.tls
        if tls is None or each.namespace != namespace or each.service_account not in ("", account):
            continue
        for name in chain((tls.credential_name,), tls.credential_names):
            if name.startswith(GATEWAY_SCHEME) and (each.is_converted or _place(name).startswith(f"{namespace}/")):
                found.update((name, name + ROOTS_SUFFIX))
        roots = tls.ca_cert_credential_name
        if roots.startswith(GATEWAY_SCHEME) and (each.is_converted or _place(roots).startswith(f"{namespace}/")):
            found.add(roots)
    return frozenset(found) if found else _NO_REFERENCES


def _place(name: str) -> str:
    """`kubernetes-gateway://ns/name-cacert` -> `ns/name`."""
    return name.removeprefix(GATEWAY_SCHEME).removesuffix(ROOTS_SUFFIX)


def _places(name: str) -> Iterable[str]:
    """Where a credential may be: roots also in a Secret of their own."""
    return lookup_names(name.removeprefix(GATEWAY_SCHEME)) if name.endswith(ROOTS_SUFFIX) else (_place(name),)


def _find(credentials: Credentials, place: str) -> Secret | None:
    namespace, _, name = place.partition("/")
    return credentials.secrets.get(namespace, _NO_SECRETS).get(name)


def lookup_names(name: str) -> Iterable[str]:
    """The objects that may hold the roots of a name, with the suffix or without, in order."""
    plain = name.removesuffix(ROOTS_SUFFIX)
    return (plain + ROOTS_SUFFIX, plain)
