from typing import Any

import msgspec
import yaml

from pilot.model.decoding import decode_value
from pilot.model.duration import Duration
from pilot.model.virtual_service import (
    HTTPMatchRequest,
    RedirectPortSelection,
    StringMatch,
    UnmatchedPreflights,
    VirtualService,
)

EVERYTHING: dict[str, Any] = yaml.safe_load("""
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews, "*.example.com"]
  gateways: [mesh, istio-system/web]
  exportTo: [".", other]
  http:
  - name: all
    match:
    - name: m
      uri: {prefix: /a}
      scheme: {exact: https}
      method: {regex: GET|PUT}
      authority: {exact: a.example.com}
      headers: {end-user: {exact: jason}, present: {}}
      port: 9080
      sourceLabels: {app: web}
      gateways: [mesh]
      queryParams: {q: {regex: ".*"}}
      ignoreUriCase: true
      withoutHeaders: {x: {prefix: "y"}}
      sourceNamespace: other
      statPrefix: stats
    route:
    - destination: {host: reviews, subset: v1, port: {number: 9080}}
      weight: 80
      headers: {request: {set: {a: b}, add: {c: d}, remove: [e]}, response: {remove: [f]}}
    - {destination: {host: reviews}, weight: 20}
    rewrite: {uri: /b, authority: c, uriRegexRewrite: {match: "^/(.*)", rewrite: '/\\1'}}
    timeout: 10s
    retries:
      attempts: 3
      perTryTimeout: 0.5s
      retryOn: 5xx
      retryRemoteLocalities: false
      retryIgnorePreviousHosts: true
      backoff: 0.025s
    fault:
      delay: {fixedDelay: 7s, percentage: {value: 0.1}}
      abort: {httpStatus: 500, percentage: {value: 100}}
    mirror: {host: shadow}
    mirrorPercentage: {value: 50}
    mirrors: [{destination: {host: shadow2}, percentage: {value: 12.5}}]
    corsPolicy:
      allowOrigins: [{exact: "https://a"}]
      allowMethods: [GET]
      allowHeaders: [x]
      exposeHeaders: ["y"]
      maxAge: 86400s
      allowCredentials: false
      unmatchedPreflights: IGNORE
    headers: {response: {set: {x: "y"}}}
  - redirect: {uri: /r, authority: h, derivePort: FROM_REQUEST_PORT, scheme: https, redirectCode: 308}
  - directResponse: {status: 503, body: {string: down}}
  - delegate: {name: child, namespace: other}
  tls:
  - match: [{sniHosts: [a], destinationSubnets: [10.0.0.0/8], port: 443, sourceLabels: {a: b}, gateways: [mesh]}]
    route: [{destination: {host: a}, weight: 1}]
  tcp:
  - match: [{port: 27017, sourceSubnet: 10.1.0.0/16, sourceNamespace: x}]
    route: [{destination: {host: mongo}}]
""")


def test_every_field_of_a_virtual_service_arrives() -> None:
    decoded, faults = decode_value(EVERYTHING, VirtualService)
    assert faults == ()
    assert decoded is not None
    first, redirect, direct, delegating = decoded.spec.http
    assert first.match[0].headers == {"end-user": StringMatch(exact="jason"), "present": StringMatch()}
    assert first.timeout == Duration(seconds=10)
    assert first.retries is not None
    assert first.retries.retry_remote_localities is False
    assert first.retries.backoff == Duration(milliseconds=25)
    assert first.cors_policy is not None
    assert first.cors_policy.unmatched_preflights is UnmatchedPreflights.IGNORE
    assert redirect.redirect is not None
    assert redirect.redirect.derive_port is RedirectPortSelection.FROM_REQUEST_PORT
    assert direct.direct_response is not None
    assert direct.direct_response.body is not None
    assert direct.direct_response.body.string == "down"
    assert delegating.delegate is not None
    assert delegating.delegate.namespace == "other"
    assert decoded.spec.tls[0].match[0].sni_hosts == ("a",)
    assert decoded.spec.tcp[0].match[0].source_subnet == "10.1.0.0/16"


def test_nothing_of_what_was_written_is_lost() -> None:
    decoded, _ = decode_value(EVERYTHING, VirtualService)
    assert msgspec.json.decode(msgspec.json.encode(decoded, enc_hook=str)) == EVERYTHING


def test_an_absent_match_matches_everything_there_is() -> None:
    assert HTTPMatchRequest() == HTTPMatchRequest(headers={}, port=0)
