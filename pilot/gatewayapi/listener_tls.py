"""TLS of a listener as Istio's server says it.

In: a listener, its Gateway, the Secrets that it refers to. Out: settings, none for plain listeners, and what is wrong.
Certificates that cannot be used are left out while another one is left. Source: xDS behaviour 5.8 (TLS).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pilot.gatewayapi.faults import Fault, Reason
from pilot.gatewayapi.gateway import KubernetesGateway, Listener, ListenerTls, ObjectReference, Validation
from pilot.gatewayapi.grants import Grants, Referrer
from pilot.model.certificates import KeyPair, key_pair
from pilot.model.gateway import ServerTLSMode, ServerTLSSettings
from pilot.model.object_store import ObjectStore
from pilot.model.secret import Secret

_MODE = "gateway.istio.io/tls-terminate-mode"
_CIPHERS = "gateway.istio.io/tls-cipher-suites"
_PROTOCOL = "gateway.istio.io/listener-protocol"
_NETWORK = "topology.istio.io/network"
_PORT = "networking.istio.io/gatewayPort"
_EAST_WEST_PORT = "15443"
_SCHEME = "kubernetes-gateway://"
_MOST_CERTIFICATES = 2


@dataclass(frozen=True, slots=True)
class ConvertedTls:
    """TLS of a server. Without settings but with faults it cannot be served."""

    settings: ServerTLSSettings | None = None
    faults: tuple[Fault, ...] = ()


def convert(
    listener: Listener, gateway: KubernetesGateway, referrer: Referrer, store: ObjectStore, grants: Grants
) -> ConvertedTls:
    """The settings of a server."""
    if listener.protocol not in ("HTTPS", "TLS"):
        return ConvertedTls()
    tls = listener.tls
    if tls is None:
        return ConvertedTls(faults=(Fault("expected tls, got none", Reason.INVALID_CERTIFICATE),))
    if tls.mode == "Passthrough":
        automatic = is_automatic(listener, gateway)
        passing = ServerTLSMode.AUTO_PASSTHROUGH if automatic else ServerTLSMode.PASSTHROUGH
        return ConvertedTls(ServerTLSSettings(mode=passing))
    ciphers = tuple(each.strip() for each in tls.options.get(_CIPHERS, "").split(",") if each.strip())
    mode = tls.options.get(_MODE, "")
    if mode == "ISTIO_MUTUAL":
        return ConvertedTls(ServerTLSSettings(mode=ServerTLSMode.ISTIO_MUTUAL, cipher_suites=ciphers))
    if mode == "ISTIO_SIMPLE":
        simple = ServerTLSSettings(mode=ServerTLSMode.SIMPLE, credential_name="builtin://", cipher_suites=ciphers)
        return ConvertedTls(simple)
    names, faults = _certificates(tls, referrer, store, grants)
    if not names:
        return ConvertedTls(faults=faults)
    roots = _roots(_validation(listener, tls, gateway), referrer, grants)
    if isinstance(roots, Fault):
        return ConvertedTls(faults=(*faults, roots))
    made = {"MUTUAL": ServerTLSMode.MUTUAL, "OPTIONAL_MUTUAL": ServerTLSMode.OPTIONAL_MUTUAL}
    terminating = ServerTLSSettings(
        mode=ServerTLSMode.MUTUAL if roots else made.get(mode, ServerTLSMode.SIMPLE),
        credential_name=names[0] if len(names) == 1 else "",
        credential_names=names if len(names) > 1 else (),
        ca_cert_credential_name=roots,
        cipher_suites=ciphers,
    )
    return ConvertedTls(terminating, faults)


def is_automatic(listener: Listener, gateway: KubernetesGateway) -> bool:
    """Whether TLS of other networks is passed on by the clusters that its SNI names. Source: installation 7.3."""
    if listener.tls is None:
        return False
    if listener.tls.options.get(_PROTOCOL) == "auto-passthrough":
        return True
    labels = gateway.metadata.labels
    return _NETWORK in labels and str(listener.port) == labels.get(_PORT, _EAST_WEST_PORT)


def _certificates(
    tls: ListenerTls, referrer: Referrer, store: ObjectStore, grants: Grants
) -> tuple[tuple[str, ...], tuple[Fault, ...]]:
    """Names of the credentials that can be used, and what is wrong with the others."""
    if not 0 < len(tls.certificate_refs) <= _MOST_CERTIFICATES:
        message = f"expected 1 or 2 certificateRefs, got {len(tls.certificate_refs)}"
        return (), (Fault(message, Reason.INVALID_CERTIFICATE),)
    names: list[str] = []
    faults: list[Fault] = []
    for each in tls.certificate_refs:
        namespace = each.namespace or referrer.namespace
        shown, reason, wrong = f"Secret {namespace}/{each.name}", Reason.INVALID_CERTIFICATE, ""
        if each.group not in ("", "core") or each.kind != "Secret":
            wrong = f"expected a certificateRef to a Secret, got {each.group or 'core'} {each.kind}"
        elif not grants.permits(referrer, namespace, "", "Secret", each.name):
            wrong, reason = f"expected a ReferenceGrant for {shown}, got none", Reason.REF_NOT_PERMITTED
        elif (secret := store.get(Secret, namespace, each.name)) is None:
            wrong = f"expected {shown}, which is not there"
        elif not isinstance(pair := key_pair(secret), KeyPair):
            wrong = f"{shown}: {pair}"
        if wrong:
            faults.append(Fault(wrong, reason))
        else:
            names.append(f"{_SCHEME}{namespace}/{each.name}")
    return tuple(names), tuple(faults)


def _validation(listener: Listener, tls: ListenerTls, gateway: KubernetesGateway) -> Validation | None:
    """Whose clients are trusted: what the listener says, else its port, else the Gateway."""
    if tls.frontend_validation is not None:
        return tls.frontend_validation
    frontend = gateway.spec.tls.frontend if gateway.spec.tls is not None else None
    if frontend is None:
        return None
    for each in frontend.per_port:
        if each.port == listener.port:
            return each.tls.validation
    return frontend.default.validation


def _roots(validation: Validation | None, referrer: Referrer, grants: Grants) -> str | Fault:
    """The credential with the roots; empty where clients need no certificate."""
    if validation is None or not validation.ca_certificate_refs:
        return ""
    found = list(_root_names(validation.ca_certificate_refs, referrer, grants))
    if len(found) != 1:
        return Fault(f"expected 1 caCertificateRef, got {len(found)}", Reason.INVALID_CA)
    return found[0]


def _root_names(references: tuple[ObjectReference, ...], referrer: Referrer, grants: Grants) -> Iterator[str | Fault]:
    for each in references:
        namespace = each.namespace or referrer.namespace
        if not grants.permits(referrer, namespace, each.group, each.kind, each.name):
            message = f"expected a ReferenceGrant for {each.kind} {namespace}/{each.name}, got none"
            yield Fault(message, Reason.REF_NOT_PERMITTED)
        elif each.kind == "ConfigMap":
            yield f"configmap://{namespace}/{each.name}-cacert"
        elif each.kind == "Secret":
            yield f"{_SCHEME}{namespace}/{each.name}-cacert"
        else:
            message = f"expected a caCertificateRef to a ConfigMap or Secret, got {each.kind or 'nothing'}"
            yield Fault(message, Reason.INVALID_CA)
