"""RequestAuthentication as decoded: which tokens of end users a workload knows. Pure data."""

from typing import ClassVar

from pilot.model.duration import Duration
from pilot.model.objects import Message, Object
from pilot.model.policy_target import PolicyTargetReference
from pilot.model.selectors import WorkloadSelector


class JwtHeader(Message, frozen=True):
    """`JWTHeader`: a header that holds a token, after a prefix."""

    name: str = ""
    prefix: str = ""


class ClaimToHeader(Message, frozen=True):
    """`ClaimToHeader`: a claim that the workload gets as a header."""

    header: str = ""
    claim: str = ""


class JwtRule(Message, frozen=True):
    """`JWTRule`: tokens of one issuer. `jwks` are keys, `jwks_uri` says where they are; neither: ask the issuer."""

    issuer: str = ""
    audiences: tuple[str, ...] = ()
    jwks_uri: str = ""
    jwks: str = ""
    from_headers: tuple[JwtHeader, ...] = ()
    from_params: tuple[str, ...] = ()
    from_cookies: tuple[str, ...] = ()
    output_payload_to_header: str = ""
    forward_original_token: bool = False
    output_claim_to_headers: tuple[ClaimToHeader, ...] = ()
    timeout: Duration | None = None
    space_delimited_claims: tuple[str, ...] = ()


class RequestAuthenticationSpec(Message, frozen=True):
    """`spec` of a RequestAuthentication."""

    selector: WorkloadSelector | None = None
    target_ref: PolicyTargetReference | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    jwt_rules: tuple[JwtRule, ...] = ()


class RequestAuthentication(Object, frozen=True):
    """security.istio.io RequestAuthentication."""

    KIND: ClassVar[str] = "RequestAuthentication"

    spec: RequestAuthenticationSpec = RequestAuthenticationSpec()
