"""Policies with action CUSTOM: a filter that notes whether one of them is meant, and one that then asks.

In: a `Security`, trust domains. Out: the two filters; one that refuses where nobody can be asked.
Source: xDS behaviour 7.7 (CUSTOM), A.12.
"""

from typing import Any, Final

from envoy.config.rbac.v3 import rbac_pb2

from pilot.generators.envoy.wire import Extension
from pilot.generators.security import ext_authz
from pilot.generators.security.rbac import Layer, Trust, policies_of, rbac_filter
from pilot.model.authorization_policy import AuthorizationAction
from pilot.model.authorization_rules import Authorization
from pilot.model.extension_provider import ExtAuthzHttp
from pilot.view.security import Security

_PREFIX: Final = ext_authz.POLICY_PREFIX + "-"
_BAD: Final = "-deny-due-to-bad-CUSTOM-action"


def build(security: Security, trust: Trust, layer: Layer) -> tuple[Extension, ...]:
    """The filters, in order; none where no policy has the action."""
    authorizer = security.authorizer
    if authorizer is None:
        return ()
    policies = [each for each in security.authorizations if each.action is AuthorizationAction.CUSTOM]
    if authorizer.provider is None:
        return (rbac_filter(layer, rules=_rules(policies, trust, layer, _BAD), shadow=None),)
    refused = [each for each in policies if each.broken]
    first = (rbac_filter(layer, rules=_rules(refused, trust, layer, _BAD), shadow=None),) if refused else ()
    asked = [each for each in policies if not each.broken]
    if not asked or (layer is Layer.TCP and isinstance(authorizer.provider, ExtAuthzHttp)):
        return first  # a connection cannot be described to an HTTP service
    noted = _rules(asked, trust, layer)
    mark = rbac_filter(layer, rules=None, shadow=noted, shadow_prefix=ext_authz.MARK_PREFIX)
    return (*first, mark, ext_authz.build(authorizer, layer))


def _rules(policies: list[Authorization], trust: Trust, layer: Layer, suffix: str = "") -> Any:
    found = {key: each for policy in policies for key, each in policies_of(policy, trust, layer, _PREFIX, suffix)}
    return rbac_pb2.RBAC(action=rbac_pb2.RBAC.DENY, policies=found)
