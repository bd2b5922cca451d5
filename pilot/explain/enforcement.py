"""What the server's side would say: which policies are asked, and which decides.

In: the filters of the connection manager or of the chain that takes a request. Out: notes, and whether it is refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from envoy.config.rbac.v3 import rbac_pb2
from envoy.extensions.filters.http.ext_authz.v3 import ext_authz_pb2
from envoy.extensions.filters.http.jwt_authn.v3 import config_pb2 as jwt_pb2
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2 as http_rbac_pb2
from envoy.extensions.filters.network.rbac.v3 import rbac_pb2 as tcp_rbac_pb2

from pilot.explain.decisions import Arrival, matching_policy
from pilot.explain.request import Request


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a filter says."""

    note: str
    refuses: bool = False


def verdicts(filters: Any, request: Request, arrival: Arrival) -> Iterator[Verdict]:
    """Of the filters that enforce something, in order."""
    for each in filters:
        config = each.typed_config
        if config.Is(http_rbac_pb2.RBAC.DESCRIPTOR) or config.Is(tcp_rbac_pb2.RBAC.DESCRIPTOR):
            rules = (http_rbac_pb2 if config.Is(http_rbac_pb2.RBAC.DESCRIPTOR) else tcp_rbac_pb2).RBAC()
            config.Unpack(rules)
            yield from _authorization(rules, request, arrival)
        elif config.Is(jwt_pb2.JwtAuthentication.DESCRIPTOR):
            tokens = jwt_pb2.JwtAuthentication()
            config.Unpack(tokens)
            issuers = ", ".join(sorted({provider.issuer for provider in tokens.providers.values()}))
            has_token = request.header("authorization") is not None
            told = (
                "the one sent must be good (not checked here)" if has_token else "none is sent, which is allowed here"
            )
            yield Verdict(f"token of {issuers}: {told}")
        elif config.Is(ext_authz_pb2.ExtAuthz.DESCRIPTOR):
            asked = ext_authz_pb2.ExtAuthz()
            config.Unpack(asked)
            cluster = asked.grpc_service.envoy_grpc.cluster_name or asked.http_service.server_uri.cluster
            yield Verdict(f"an external authorizer may decide: {cluster}")


def _authorization(filter_: Any, request: Request, arrival: Arrival) -> Iterator[Verdict]:
    if filter_.HasField("shadow_rules") and (key := matching_policy(filter_.shadow_rules, request, arrival)):
        yield Verdict(f"dry run: {key} would fit, and decides nothing")
    if not filter_.HasField("rules"):
        return
    rules = filter_.rules
    key = matching_policy(rules, request, arrival)
    if rules.action == rbac_pb2.RBAC.DENY:
        yield Verdict(f"denied by {key}" if key else "no DENY policy fits", bool(key))
    elif rules.action == rbac_pb2.RBAC.ALLOW:
        yield Verdict(f"allowed by {key}" if key else "there are ALLOW policies, and none fits", not key)
    elif key:
        yield Verdict(f"noted by AUDIT policy {key}")
