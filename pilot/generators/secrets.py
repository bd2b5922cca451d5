"""SDS: certificates and roots of gateways, and of other proxies that name Secrets.

In: what a proxy may have, and names of resources. Out: the Secrets of those that exist, or None where there is nothing
to say: no answer at all. What is missing, malformed or not allowed is left out; the rest is served.
Source: xDS behaviour 1.11.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import (
    CertificateValidationContext,
    PrivateKeyProvider,
    TlsCertificate,
)
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret as EnvoySecret
from google.protobuf.any_pb2 import Any as AnyMessage

from istio_api import cryptomb_pb2
from pilot.generators.envoy.proxy_settings import proxy_config
from pilot.memo import memoized
from pilot.model.certificates import KeyPair, Roots, config_map_roots, key_pair, secret_roots
from pilot.model.proxy_config import KeyAccelerator
from pilot.model.proxy_config import PrivateKeyProvider as Accelerators
from pilot.model.secret import ConfigMap, Secret
from pilot.resources import Resource, ResourceSet, resource, resource_set
from pilot.type_urls import SECRET
from pilot.view.credential_access import GATEWAY_SCHEME, ROOTS_SUFFIX, CredentialAccess, lookup_names
from pilot.view.proxy_view import ProxyView

_SCHEME: Final = "kubernetes://"
_CONFIG_MAP_SCHEME: Final = "configmap://"
_TYPE: Final = "type.googleapis.com/envoy.extensions.private_key_providers"
_NO_CONFIG_MAPS: Mapping[str, ConfigMap] = {}


def build(view: ProxyView, names: frozenset[str]) -> ResourceSet | None:
    """The secrets of these names that the proxy may have."""
    accelerators = proxy_config(view.mesh, view.proxy.proxy_config).private_key_provider
    return _build(view.credentials, accelerators, names)


@memoized(size=4096)
def _build(access: CredentialAccess, accelerators: Accelerators | None, names: frozenset[str]) -> ResourceSet | None:
    if not access.namespace:
        return None
    made = tuple(each for name in sorted(names) for each in _find(name, access, accelerators))
    return _set(made) if made else None


@memoized(size=4096)
def _set(made: tuple[Resource, ...]) -> ResourceSet:
    return resource_set(made)


def _find(name: str, access: CredentialAccess, accelerators: Accelerators | None) -> Iterator[Resource]:
    if name.startswith(_SCHEME):
        yield from _of_namespace(name, access, accelerators)
    elif name.startswith(GATEWAY_SCHEME):
        if name in access.references:
            place = name.removeprefix(GATEWAY_SCHEME)
            yield from _of_secrets(name, place, access.referenced, accelerators, may_list=True)
    elif name.startswith(_CONFIG_MAP_SCHEME):
        namespace, _, rest = name.removeprefix(_CONFIG_MAP_SCHEME).partition("/")
        known = access.config_maps.get(namespace, _NO_CONFIG_MAPS)
        for each in lookup_names(rest):
            if each in known:
                yield from _roots(name, known[each])
                return


def _of_namespace(name: str, access: CredentialAccess, accelerators: Accelerators | None) -> Iterator[Resource]:
    """`kubernetes://name` and `kubernetes://namespace/name`: only of the namespace of the identity."""
    namespace, slash, rest = name.removeprefix(_SCHEME).partition("/")
    if not slash:
        namespace, rest = access.namespace, namespace
    if namespace == access.namespace:
        yield from _of_secrets(name, rest, access.secrets, accelerators, may_list=access.may_list)


def _of_secrets(
    name: str,
    place: str,
    known: Mapping[str, Secret],
    accelerators: Accelerators | None,
    *,
    may_list: bool,
) -> Iterator[Resource]:
    """Roots where the name asks for roots, else certificate and key, which need more rights."""
    if place.endswith(ROOTS_SUFFIX):
        for each in lookup_names(place):
            if each in known:
                found = _roots(name, known[each])
                if found:
                    yield from found
                    return
    elif may_list and place in known:
        yield from _certificate(name, known[place], accelerators)


@memoized(size=8192)
def _certificate(name: str, secret: Secret, accelerators: Accelerators | None) -> tuple[Resource, ...]:
    """The resource; none where the Secret has no certificate that Envoy would take."""
    pair = key_pair(secret)
    if not isinstance(pair, KeyPair):
        return ()
    made = TlsCertificate(certificate_chain=_inline(pair.chain.reveal()))
    provider = _provider(pair.key.reveal(), accelerators)
    if provider is not None:
        made.private_key_provider.CopyFrom(provider)
    else:
        made.private_key.CopyFrom(_inline(pair.key.reveal()))
    if pair.staple is not None:
        made.ocsp_staple.CopyFrom(_inline(pair.staple.reveal()))
    return (resource(SECRET, name, EnvoySecret(name=name, tls_certificate=made), (secret.origin,)),)


@memoized(size=8192)
def _roots(name: str, holder: Secret | ConfigMap) -> tuple[Resource, ...]:
    """The resource; none where there are no roots in it."""
    roots = secret_roots(holder) if isinstance(holder, Secret) else config_map_roots(holder)
    if not isinstance(roots, Roots):
        return ()
    made = CertificateValidationContext(trusted_ca=_inline(roots.certificates.reveal()))
    if roots.revoked is not None:
        made.crl.CopyFrom(_inline(roots.revoked.reveal()))
    return (resource(SECRET, name, EnvoySecret(name=name, validation_context=made), (holder.origin,)),)


def _provider(key: bytes, accelerators: Accelerators | None) -> Any | None:
    """Hardware that works with the key, where the proxy is told to use it."""
    if accelerators is None:
        return None
    found: tuple[tuple[str, str, KeyAccelerator | None], ...] = (
        ("cryptomb", "cryptomb.v3alpha.CryptoMbPrivateKeyMethodConfig", accelerators.cryptomb),
        ("qat", "qat.v3alpha.QatPrivateKeyMethodConfig", accelerators.qat),
    )
    for provider, type_, settings in found:
        if settings is not None:
            method = cryptomb_pb2.CryptoMbPrivateKeyMethodConfig(private_key=_inline(key).SerializeToString())
            if settings.poll_delay is not None:
                method.poll_delay.FromTimedelta(settings.poll_delay)
            typed = AnyMessage(type_url=f"{_TYPE}.{type_}", value=method.SerializeToString(deterministic=True))
            return PrivateKeyProvider(provider_name=provider, typed_config=typed, fallback=bool(settings.fallback))
    return None


def _inline(value: bytes) -> Any:
    return DataSource(inline_bytes=value)
