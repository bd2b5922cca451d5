"""Real Envoys take every policy, whatever people write: a refused listener would leave the old policies in force."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_components_pb2 import RouteMatch
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
    HttpFilter,
)
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pilot.generators import listeners
from pilot.generators.envoy.packing import pack
from pilot.model.snapshot import Snapshot
from tests import recordings
from tests.live.stock_envoy import node_of, static_bootstrap, validate
from tests.pilot.generators import worlds
from tests.pilot.generators.security import random_policies

pytestmark = pytest.mark.timeout(120)

ODD = [
    "", "*", "**", "a*b", "*a*", "\\", "(", "[", "a b", "é", "\x01", "\n", "x" * 5000, "%", "%REQ(x)%", "%NO(", "{*}",
    "{**}", "/{*}", "/a//",
]  # fmt: skip
TEMPLATES = [
    "/{*}", "/{**}", "/a/{*}/b/{**}", "/{**}/b.c", "/{*}/", "/{**}/", "/a-b~c/{*}/%41:@!$&'()+,;=", "/{*}/{*}/{*}",
    "/{*}/{*}/{*}/{*}/{*}/{*}/{*}/{*}", "/" + "a/" * 200 + "{*}",
]  # fmt: skip
KEYS = [
    "request.headers[x]", "request.headers[:path]", "request.headers[a b]", "request.headers[é]",
    "request.headers[X-Y]", "request.auth.claims[ a ]", "request.auth.claims[a][b][c]",
    "experimental.envoy.filters.a.b[k]", "connection.sni", "source.namespace", "source.principal",
    "source.serviceAccount", "request.auth.principal", "destination.port", "destination.ip",
    "request.auth.audiences", "no.such.key", "",
]  # fmt: skip
FIELDS = ["principals", "requestPrincipals", "namespaces", "serviceAccounts", "ipBlocks", "remoteIpBlocks"]
OPERATIONS = ["hosts", "ports", "methods", "paths"]
OPERATORS = [
    "REQ(x)", "REQ(:path?x):9", "ROUTE_NAME", "VIRTUAL_CLUSTER_NAME", "PROTOCOL", "START_TIME", "REQUESTED_SERVER_NAME",
    "HOSTNAME", "CONNECTION_ID", "STREAM_ID", "DOWNSTREAM_REMOTE_ADDRESS", "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT",
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS", "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", "DOWNSTREAM_LOCAL_PORT",
    "DOWNSTREAM_PEER_URI_SAN", "DOWNSTREAM_LOCAL_SUBJECT", "DOWNSTREAM_PEER_ISSUER", "DOWNSTREAM_PEER_SERIAL",
    "DOWNSTREAM_PEER_CERT", "DOWNSTREAM_PEER_FINGERPRINT_256", "DOWNSTREAM_TLS_VERSION", "DOWNSTREAM_TLS_CIPHER",
    "DOWNSTREAM_TLS_SESSION_ID",
]  # fmt: skip
JWKS = json.dumps(
    {
        "keys": [
            {
                "kty": "EC",
                "crv": "P-256",
                "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            }
        ]
    }
)
ADDRESSES = ["10.0.0.1/8", "0.0.0.0/0", "::/0", "::ffff:1.2.3.4", "1.2.3.4/32", "10.0.0.0/33", "x"]


def policy(number: int, **spec: Any) -> str:
    """A policy of namespace default, as text."""
    metadata = {"name": f"p{number}", "namespace": "default"}
    whole = {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": metadata, "spec": spec}
    return json.dumps(whole)


def odd_policies() -> Iterable[dict[str, Any]]:
    """Each odd value in each place, alone: one that cannot be translated must not hide another."""
    for value in (*ODD, *TEMPLATES, *ADDRESSES):
        for name in FIELDS:
            yield {"rules": [{"from": [{"source": {name: [value]}}]}]}
        for name in OPERATIONS:
            yield {"rules": [{"to": [{"operation": {name: [value]}}]}]}
        for key in KEYS:
            yield {"rules": [{"when": [{"key": key, "notValues": [value]}]}]}


def accepted(envoy: Path, texts: Iterable[str], mesh: str = "") -> Snapshot:
    """An Envoy takes the inbound listener of a workload with these policies."""
    snapshot = recordings.snapshot_of("\n---\n".join((worlds.REVIEWS, *texts)), mesh)
    view = recordings.view_of(snapshot, worlds.sidecar(), node_of(envoy).extensions)
    found = listeners.build(view)
    made = [recordings.message_of(found["virtualInbound"])]
    bootstrap = static_bootstrap(listeners=made)
    bootstrap.node.id, bootstrap.node.cluster = "client", "client"
    verdict = validate(envoy, bootstrap)
    assert verdict.accepted, verdict.words
    return snapshot


def test_odd_values_in_every_place(any_envoy: Path) -> None:
    for action in ("ALLOW", "DENY"):
        texts = (policy(number, action=action, **spec) for number, spec in enumerate(odd_policies()))
        accepted(any_envoy, texts)


def test_odd_token_rules(any_envoy: Path) -> None:
    rules: list[dict[str, Any]] = [{"issuer": "plain", "jwks": JWKS}]
    for number, value in enumerate(ODD):
        common = {"issuer": f"i{number}", "jwks": JWKS}
        rules += [
            {"issuer": value, "jwks": JWKS},
            {**common, "jwks": value},
            {**common, "fromHeaders": [{"name": value}, {"name": "x", "prefix": value}]},
            {**common, "fromParams": [value], "fromCookies": [value], "audiences": [value]},
            {**common, "outputPayloadToHeader": value, "outputClaimToHeaders": [{"header": value, "claim": value}]},
            {**common, "spaceDelimitedClaims": [value]},
            {"issuer": f"https://{number}", "jwksUri": value},
        ]
    metadata = {"name": "t", "namespace": "default"}
    whole = {"apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication", "metadata": metadata}
    accepted(any_envoy, [json.dumps({**whole, "spec": {"jwtRules": rules}})])


@pytest.mark.parametrize("kind", ["envoyExtAuthzHttp", "envoyExtAuthzGrpc"])
def test_odd_authorizers(any_envoy: Path, kind: str) -> None:
    service = {"service": "reviews.default.svc.cluster.local", "port": 80}
    odd: list[dict[str, Any]] = [{"statusOnError": "200"}, {"statusOnError": "511"}, {"timeout": "0s"}]
    odd += [{"includeRequestBodyInCheck": {"maxRequestBytes": most}} for most in (0, 1, 4294967295)]
    if kind == "envoyExtAuthzHttp":
        for value in ODD:
            odd.append({"includeRequestHeadersInCheck": [value], "headersToDownstreamOnDeny": [value]})
            odd.append({"includeAdditionalHeadersInCheck": {value: "x"}})
            odd.append({"includeAdditionalHeadersInCheck": {"x": value}})
            odd.append({"pathPrefix": value})
    custom = policy(0, action="CUSTOM", provider={"name": "asked"}, rules=[{}])
    for more in odd:
        mesh = json.dumps({"extensionProviders": [{"name": "asked", kind: {**service, **more}}]})
        accepted(any_envoy, [custom], mesh)


def test_every_operator_that_headers_may_have(any_envoy: Path) -> None:
    headers = {f"x-{number}": f"%{each}%" for number, each in enumerate(OPERATORS)}
    authorizer = {
        "service": "reviews.default.svc.cluster.local",
        "port": 80,
        "includeAdditionalHeadersInCheck": headers,
    }
    mesh = json.dumps({"extensionProviders": [{"name": "asked", "envoyExtAuthzHttp": authorizer}]})
    custom = policy(0, action="CUSTOM", provider={"name": "asked"}, rules=[{}])
    assert not accepted(any_envoy, [custom], mesh).problems


@settings(max_examples=5, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(several=st.lists(random_policies.policies(), min_size=40, max_size=60))
def test_random_policies(any_envoy: Path, several: list[list[dict[str, Any]]]) -> None:
    specs = [each["spec"] for policies in several for each in policies]
    accepted(any_envoy, [policy(number, **spec) for number, spec in enumerate(specs)])


def test_what_envoy_refuses_is_seen(any_envoy: Path) -> None:
    """The tests above would be worth nothing if Envoy took everything inside a filter."""
    routes = RouteConfiguration(name="x", virtual_hosts=[])
    held = HttpFilter(name="envoy.filters.http.rbac", typed_config=pack(RouteMatch(prefix="/")))
    manager = HttpConnectionManager(stat_prefix="x", route_config=routes, http_filters=[held])
    chain = FilterChain(
        filters=[Filter(name="envoy.filters.network.http_connection_manager", typed_config=pack(manager))]
    )
    listener = Listener(name="x", filter_chains=[chain])
    listener.address.socket_address.address, listener.address.socket_address.port_value = "127.0.0.1", 20_000
    assert not validate(any_envoy, static_bootstrap(listeners=[listener])).accepted
