"""AuthorizationPolicy as decoded: who may do what with a workload. Pure data."""

from enum import StrEnum
from typing import ClassVar

from pilot.model.objects import Message, Object
from pilot.model.policy_target import PolicyTargetReference
from pilot.model.selectors import WorkloadSelector


class AuthorizationAction(StrEnum):
    """`AuthorizationPolicy.Action`."""

    ALLOW = "ALLOW"
    DENY = "DENY"
    AUDIT = "AUDIT"
    CUSTOM = "CUSTOM"


class Source(Message, frozen=True):
    """`Source`: who asks. Fields are ANDed, the values of one are ORed."""

    principals: tuple[str, ...] = ()
    not_principals: tuple[str, ...] = ()
    request_principals: tuple[str, ...] = ()
    not_request_principals: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    not_namespaces: tuple[str, ...] = ()
    service_accounts: tuple[str, ...] = ()
    not_service_accounts: tuple[str, ...] = ()
    ip_blocks: tuple[str, ...] = ()
    not_ip_blocks: tuple[str, ...] = ()
    remote_ip_blocks: tuple[str, ...] = ()
    not_remote_ip_blocks: tuple[str, ...] = ()


class From(Message, frozen=True):
    """`Rule.From`."""

    source: Source | None = None


class Operation(Message, frozen=True):
    """`Operation`: what is asked for."""

    hosts: tuple[str, ...] = ()
    not_hosts: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    not_ports: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    not_methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    not_paths: tuple[str, ...] = ()


class To(Message, frozen=True):
    """`Rule.To`."""

    operation: Operation | None = None


class Condition(Message, frozen=True):
    """`Condition`: an attribute by name, with what it must be and must not be."""

    key: str = ""
    values: tuple[str, ...] = ()
    not_values: tuple[str, ...] = ()


class Rule(Message, frozen=True):
    """`Rule`: one of `from_`, and one of `to`, and all of `when`; an empty one holds for everything."""

    from_: tuple[From, ...] = ()
    to: tuple[To, ...] = ()
    when: tuple[Condition, ...] = ()


class ExtensionProviderReference(Message, frozen=True):
    """`ExtensionProvider`: the name of one in MeshConfig."""

    name: str = ""


class AuthorizationPolicySpec(Message, frozen=True):
    """`spec` of an AuthorizationPolicy."""

    selector: WorkloadSelector | None = None
    target_ref: PolicyTargetReference | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    rules: tuple[Rule, ...] = ()
    action: AuthorizationAction = AuthorizationAction.ALLOW
    provider: ExtensionProviderReference | None = None


class AuthorizationPolicy(Object, frozen=True):
    """security.istio.io AuthorizationPolicy."""

    KIND: ClassVar[str] = "AuthorizationPolicy"

    spec: AuthorizationPolicySpec = AuthorizationPolicySpec()


class UnreadablePolicy(AuthorizationPolicy, frozen=True):
    """Stands in for a policy that could not be decoded: where it belongs and its action are all that is known."""
