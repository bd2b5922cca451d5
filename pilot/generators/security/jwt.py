"""RequestAuthentications as Envoy's jwt_authn filter: a token must be good, none is fine.

In: providers with their keys, by issuer. Out: the filter, or none. Source: xDS behaviour 7.6, A.13.
"""

from typing import Any, Final

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.core.v3.http_uri_pb2 import HttpUri
from envoy.config.route.v3.route_components_pb2 import RouteMatch
from envoy.extensions.filters.http.jwt_authn.v3.config_pb2 import (
    JwtAuthentication,
    JwtClaimToHeader,
    JwtHeader,
    JwtProvider,
    JwtRequirement,
    JwtRequirementAndList,
    JwtRequirementOrList,
    RemoteJwks,
    RequirementRule,
)
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty

from pilot.generators.envoy.wire import Extension, extension
from pilot.generators.security.strings import JWT, PAYLOAD
from pilot.memo import memoized
from pilot.view.security import JwtProvider as Provider

_SPACE_DELIMITED: Final = ("permission", "scope")
_FETCH_WITHIN: Final = Duration(seconds=5)
_KEEP: Final = Duration(seconds=300)
_MISSING: Final = JwtRequirement(allow_missing=Empty())


@memoized(size=4096)
def build(providers: tuple[Provider, ...], clear_route_cache: bool) -> tuple[Extension, ...]:
    """The filter for these providers; `clear_route_cache`: routes may depend on claims."""
    if not providers:
        return ()
    named = {f"origins-{index}": _provider(each, clear_route_cache) for index, each in enumerate(providers)}
    rule = RequirementRule(match=RouteMatch(prefix="/"), requires=_requirement(tuple(named)))
    config = JwtAuthentication(providers=named, rules=[rule], bypass_cors_preflight=True)
    return (extension(JWT, config, required=True),)


def _requirement(names: tuple[str, ...]) -> Any:
    """A token of one provider that is good, or for none of them a token that is not."""
    one = [JwtRequirement(provider_name=name) for name in names]
    if len(one) == 1:
        return _any(one[0], _MISSING)
    each = [_any(requirement, _MISSING) for requirement in one]
    return _any(*one, JwtRequirement(requires_all=JwtRequirementAndList(requirements=each)))


def _any(*requirements: Any) -> Any:
    return JwtRequirement(requires_any=JwtRequirementOrList(requirements=requirements))


def _provider(provider: Provider, clear_route_cache: bool) -> Any:
    rule = provider.rule
    made = JwtProvider(
        issuer=rule.issuer,
        audiences=rule.audiences,
        forward=rule.forward_original_token,
        forward_payload_header=rule.output_payload_to_header,
        payload_in_metadata=PAYLOAD,
        normalize_payload_in_metadata=JwtProvider.NormalizePayload(
            space_delimited_claims=sorted({*_SPACE_DELIMITED, *rule.space_delimited_claims})
        ),
        clear_route_cache=clear_route_cache,
        claim_to_headers=[
            JwtClaimToHeader(header_name=each.header, claim_name=each.claim) for each in rule.output_claim_to_headers
        ],
        from_headers=[JwtHeader(name=each.name, value_prefix=each.prefix) for each in rule.from_headers],
        from_params=rule.from_params,
        from_cookies=rule.from_cookies,
    )
    if provider.cluster:
        uri = HttpUri(uri=rule.jwks_uri, cluster=provider.cluster, timeout=rule.timeout or _FETCH_WITHIN)
        made.remote_jwks.CopyFrom(RemoteJwks(http_uri=uri, cache_duration=_KEEP))
    else:
        made.local_jwks.CopyFrom(DataSource(inline_string=provider.keys))
    return made
