"""What stands in for a security policy that cannot be read, so that a slip of the pen does not open a door.

In: the plain values of a document that is no valid object. Out: an object that refuses in its place, for the workloads
that it selects (all of its namespace where that cannot be read either); None for other kinds. It is used only where no
good version was there before.
"""

from collections.abc import Mapping

from pilot.model.authorization_policy import (
    AuthorizationAction,
    AuthorizationPolicy,
    AuthorizationPolicySpec,
    UnreadablePolicy,
)
from pilot.model.decoding import decode_value
from pilot.model.objects import Metadata, Object, ObjectKey
from pilot.model.peer_authentication import MtlsMode, MutualTLS, PeerAuthentication, PeerAuthenticationSpec


def stand_in(key: ObjectKey, value: Mapping[str, object]) -> Object | None:
    """The object in whose place `value` was meant to be."""
    spec = value.get("spec")
    given = spec if isinstance(spec, dict) else {}
    match key.kind:
        case AuthorizationPolicy.KIND:
            return UnreadablePolicy(metadata=_metadata(key, value), spec=_refusing(given))
        case PeerAuthentication.KIND:
            place, _ = decode_value(_part(given, "selector"), PeerAuthenticationSpec)
            selector = place.selector if place is not None else None
            strict = PeerAuthenticationSpec(selector=selector, mtls=MutualTLS(mode=MtlsMode.STRICT))
            return PeerAuthentication(metadata=_metadata(key, value), spec=strict)
    return None


def _refusing(spec: Mapping[str, object]) -> AuthorizationPolicySpec:
    place, _ = decode_value(_part(spec, "selector", "targetRef", "targetRefs"), AuthorizationPolicySpec)
    action, _ = decode_value(_part(spec, "action"), AuthorizationPolicySpec)
    found = place or AuthorizationPolicySpec()
    return AuthorizationPolicySpec(
        selector=found.selector,
        target_ref=found.target_ref,
        target_refs=found.target_refs,
        action=action.action if action is not None else AuthorizationAction.DENY,
    )


def _part(spec: Mapping[str, object], *fields: str) -> dict[str, object]:
    return {name: spec[name] for name in fields if name in spec}


def _metadata(key: ObjectKey, value: Mapping[str, object]) -> Metadata:
    """As it is written, if it can be read; else the name."""
    metadata, _ = decode_value(value.get("metadata"), Metadata)
    if metadata is not None and (metadata.namespace, metadata.name) == (key.namespace, key.name):
        return metadata
    return Metadata(name=key.name, namespace=key.namespace)
