"""Clauses of authorization rules as Envoy's principals and permissions.

In: a `Clause`. Out: a `Principal` (who asks) or a `Permission` (what is asked for). Source: xDS behaviour 7.7, A.12.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.rbac.v3.rbac_pb2 import Permission, Principal
from envoy.extensions.path.match.uri_template.v3.uri_template_match_pb2 import UriTemplateMatchConfig
from envoy.type.matcher.v3.filter_state_pb2 import FilterStateMatcher
from envoy.type.matcher.v3.path_pb2 import PathMatcher
from envoy.type.matcher.v3.value_pb2 import ValueMatcher

from pilot.generators.envoy.packing import pack
from pilot.generators.security import strings
from pilot.model.authorization_rules import Clause
from pilot.model.authorization_values import ONE_SEGMENT, SEGMENTS, Attribute, is_template

_IDENTITY: Final = re.compile(r"([^/]*)((?:/[^/]*){4})")
_DEFAULT_DOMAIN: Final = "cluster.local"


@dataclass(frozen=True, slots=True)
class Trust:
    """The trust domains that are one: identities of any of them mean the same."""

    domain: str
    aliases: tuple[str, ...] = ()
    tunnelled: bool = False
    """Clients are known by the tunnel that they came in, not by the connection."""

    def expand(self, value: str) -> tuple[str, ...]:
        """An identity of ours in every domain, its account may be a pattern; others, and shorter patterns, as they are.

        A trust domain `*suffix` stays where it means the domain.
        """
        found = _IDENTITY.fullmatch(value)
        domains = tuple(dict.fromkeys((self.domain, *self.aliases)))
        if found is None:
            return (value,)
        if found[1] != _DEFAULT_DOMAIN and not any(_means_domain(found[1], each) for each in domains):
            return (value,)
        kept = found[1].startswith("*")
        expanded = (value if kept and _means_domain(found[1], each) else each + found[2] for each in domains)
        return tuple(dict.fromkeys(expanded))


def _means_domain(written: str, domain: str) -> bool:
    """Whether a trust domain, `*suffix` or `prefix*` is this one; `*` alone is none of ours."""
    if written.startswith("*"):
        return written != "*" and domain.endswith(written[1:])
    if written.endswith("*"):
        return domain.startswith(written[:-1])
    return written == domain


def principal(clause: Clause, trust: Trust) -> Any:
    """Who may ask."""
    if clause.attribute in _CLAIMS:
        return _not_id(
            clause, Principal(metadata=strings.claim(clause.path or _CLAIMS[clause.attribute], clause.values))
        )
    if clause.attribute is Attribute.PRINCIPAL:
        values = [each for value in clause.values for each in trust.expand(value)]
    else:
        values = list(clause.values)
    build = _IN_TUNNEL.get(clause.attribute) if trust.tunnelled else None
    build = build or _PRINCIPALS[clause.attribute]
    ids = [build(clause, value) for value in values]
    if clause.attribute is Attribute.REQUEST_PRINCIPAL and len(ids) == 1:
        return _not_id(clause, ids[0])
    return _not_id(clause, Principal(or_ids=Principal.Set(ids=ids)))


def _not_id(clause: Clause, one: Any) -> Any:
    return Principal(not_id=one) if clause.negated else one


_CLAIMS: Final[Mapping[Attribute, tuple[str, ...]]] = {
    Attribute.AUDIENCE: ("aud",),
    Attribute.PRESENTER: ("azp",),
    Attribute.CLAIM: (),
}
"""Attributes that are claims of the token, and where those with a fixed place are."""


def _authenticated(match: Callable[[str], Any]) -> Callable[[Clause, str], Any]:
    return lambda _, value: Principal(authenticated=Principal.Authenticated(principal_name=match(value)))


PEER_PRINCIPAL: Final = "io.istio.peer_principal"
"""Filter state in which the end of a tunnel keeps the identity of the client."""


def _tunnelled(match: Callable[[str], Any]) -> Callable[[Clause, str], Any]:
    return lambda _, value: Principal(filter_state=FilterStateMatcher(key=PEER_PRINCIPAL, string_match=match(value)))


def _request_principal(_: Clause, value: str) -> Any:
    """Issuer and subject, split at the last slash; a pattern may lack the slash."""
    issuer, slash, subject = value.rpartition("/")
    if not slash:
        issuer, subject = _without_slash(value)
    both = []
    for claim, text in (("iss", issuer), ("sub", subject)):
        matcher = ValueMatcher(string_match=strings.pattern(text))
        both.append(Principal(metadata=strings.payload((claim,), matcher)))
    return Principal(and_ids=Principal.Set(ids=both))


def _without_slash(value: str) -> tuple[str, str]:
    """`*`: any; the end of a subject, the beginning of an issuer; else an issuer without subject."""
    if value.startswith("*"):
        return "*", value
    return value, "*" if value.endswith("*") else ""


_PRINCIPALS: Final[Mapping[Attribute, Callable[[Clause, str], Any]]] = {
    Attribute.PRINCIPAL: _authenticated(strings.principal),
    Attribute.NAMESPACE: _authenticated(strings.namespace),
    Attribute.SERVICE_ACCOUNT: _authenticated(strings.account),
    Attribute.REQUEST_PRINCIPAL: _request_principal,
    Attribute.REMOTE_IP: lambda _, value: Principal(remote_ip=strings.cidr(value)),
    Attribute.SOURCE_IP: lambda _, value: Principal(direct_remote_ip=strings.cidr(value)),
    Attribute.HEADER: lambda clause, value: Principal(header=strings.header(clause.path[0], value)),
}


_IN_TUNNEL: Final[Mapping[Attribute, Callable[[Clause, str], Any]]] = {
    Attribute.PRINCIPAL: _tunnelled(strings.principal),
    Attribute.NAMESPACE: _tunnelled(strings.namespace),
    Attribute.SERVICE_ACCOUNT: _tunnelled(strings.account),
}


def permission(clause: Clause) -> Any:
    """What may be asked for."""
    build = _PERMISSIONS[clause.attribute]
    one = Permission(or_rules=Permission.Set(rules=[build(clause, value) for value in clause.values]))
    return Permission(not_rule=one) if clause.negated else one


def _path(_: Clause, value: str) -> Any:
    if not is_template(value):
        return Permission(url_path=PathMatcher(path=strings.pattern(value)))
    template = value.replace(SEGMENTS, "**").replace(ONE_SEGMENT, "*")
    config = pack(UriTemplateMatchConfig(path_template=template))
    return Permission(uri_template=TypedExtensionConfig(name="uri-template", typed_config=config))


_PERMISSIONS: Final[Mapping[Attribute, Callable[[Clause, str], Any]]] = {
    Attribute.HOST: lambda _, value: Permission(header=strings.header(":authority", value, ignore_case=True)),
    Attribute.METHOD: lambda _, value: Permission(header=strings.header(":method", value)),
    Attribute.PATH: _path,
    Attribute.PORT: lambda _, value: Permission(destination_port=int(value)),
    Attribute.DESTINATION_IP: lambda _, value: Permission(destination_ip=strings.cidr(value)),
    Attribute.SNI: lambda _, value: Permission(requested_server_name=strings.pattern(value)),
    Attribute.METADATA: lambda clause, value: Permission(
        metadata=strings.metadata(clause.path[0], clause.path[1], value)
    ),
}
