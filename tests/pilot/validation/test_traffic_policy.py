"""Policies that Envoy would refuse are told by field; those at its limits are not."""

import msgspec
import pytest
import yaml

from pilot.model.decoding import path_text
from pilot.model.duration import parse_duration
from pilot.model.traffic_policy import TrafficPolicy
from pilot.validation.finding import Weight
from pilot.validation.traffic_policy import traffic_policy


def faults(text: str) -> list[tuple[str, str]]:
    policy = msgspec.convert(yaml.safe_load(text), TrafficPolicy)
    found = traffic_policy(policy, ("spec",), "ns")
    return [(path_text(each.path), each.message) for each in found if each.weight is Weight.UNSERVABLE]


def refused(text: str) -> list[str]:
    policy = msgspec.convert(yaml.safe_load(text), TrafficPolicy, dec_hook=lambda type_, value: parse_duration(value))
    found = traffic_policy(policy, ("spec",), "ns")
    return [path_text(each.path) for each in found if each.weight is Weight.REFUSED]


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "{outlierDetection: {maxEjectionPercent: 100, minHealthPercent: -1}}",
        "{loadBalancer: {consistentHash: {minimumRingSize: 8388608, maglev: {tableSize: 5000011}}}}",
        "{loadBalancer: {consistentHash: {maglev: {tableSize: 0}}}}",
        "{loadBalancer: {consistentHash: {httpCookie: {name: a, attributes: [{name: SameSite, value: ''}]}}}}",
        "{loadBalancer: {warmup: {minimumPercent: 0, aggression: 1}}}",
        "{retryBudget: {percent: 100}}",
        f"{{tls: {{sni: {'a' * 255}}}}}",
    ],
)
def test_what_envoy_takes_is_no_fault(text: str) -> None:
    assert faults(text) == []


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("{outlierDetection: {maxEjectionPercent: 101}}", "outlierDetection.maxEjectionPercent"),
        ("{outlierDetection: {minHealthPercent: 101}}", "outlierDetection.minHealthPercent"),
        ("{loadBalancer: {consistentHash: {minimumRingSize: 8388609}}}", "loadBalancer.consistentHash.minimumRingSize"),
        (
            "{loadBalancer: {consistentHash: {ringHash: {minimumRingSize: 8388609}}}}",
            "loadBalancer.consistentHash.ringHash.minimumRingSize",
        ),
        ("{loadBalancer: {consistentHash: {maglev: {tableSize: 10}}}}", "loadBalancer.consistentHash.maglev.tableSize"),
        ("{loadBalancer: {consistentHash: {maglev: {tableSize: 1}}}}", "loadBalancer.consistentHash.maglev.tableSize"),
        (
            "{loadBalancer: {consistentHash: {maglev: {tableSize: 5000077}}}}",
            "loadBalancer.consistentHash.maglev.tableSize",
        ),
        (
            "{loadBalancer: {consistentHash: {httpCookie: {attributes: [{name: ''}]}}}}",
            "loadBalancer.consistentHash.httpCookie.attributes[0].name",
        ),
        (
            '{loadBalancer: {consistentHash: {httpCookie: {attributes: [{name: a, value: "\\n"}]}}}}',
            "loadBalancer.consistentHash.httpCookie.attributes[0].value",
        ),
        ("{loadBalancer: {warmup: {minimumPercent: 101}}}", "loadBalancer.warmup.minimumPercent"),
        ("{loadBalancer: {warmup: {aggression: 0.5}}}", "loadBalancer.warmup.aggression"),
        ("{loadBalancer: {warmup: {aggression: .nan}}}", "loadBalancer.warmup.aggression"),
        ("{retryBudget: {percent: -1}}", "retryBudget.percent"),
        (f"{{tls: {{sni: {'a' * 256}}}}}", "tls.sni"),
        (
            "{portLevelSettings: [{port: {number: 1}, outlierDetection: {maxEjectionPercent: 101}}]}",
            "portLevelSettings[0].outlierDetection.maxEjectionPercent",
        ),
    ],
)
def test_what_envoy_refuses_is_told_by_field(text: str, field: str) -> None:
    ((path, message),) = faults(text)
    assert path == f"spec.{field}"
    assert message.startswith("expected ")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("{}", ""),
        ("{connectionPool: {}}", ".connectionPool"),
        ("{connectionPool: {tcp: {maxConnections: -1}}}", ".connectionPool.tcp.maxConnections"),
        ("{connectionPool: {http: {maxRetries: -1}}}", ".connectionPool.http.maxRetries"),
        ("{connectionPool: {http: {idleTimeout: 0s}}}", ".connectionPool.http.idleTimeout"),
        ("{connectionPool: {tcp: {tcpKeepalive: {time: 0s}}}}", ".connectionPool.tcp.tcpKeepalive.time"),
        ("{portLevelSettings: [{port: {number: 1}}]}", ".portLevelSettings[0]"),
        ("{loadBalancer: {consistentHash: {maglev: {}}}}", ".loadBalancer.consistentHash.maglev.tableSize"),
        ("{loadBalancer: {warmup: {}}}", ".loadBalancer.warmup.duration"),
        ("{loadBalancer: {consistentHash: {httpCookie: {}}}}", ".loadBalancer.consistentHash.httpCookie.name"),
        ("{outlierDetection: {consecutiveLocalOriginFailures: 1}}", ".outlierDetection.consecutiveLocalOriginFailures"),
        ("{tls: {mode: MUTUAL, privateKey: /k}}", ".tls.clientCertificate"),
        ("{tls: {mode: SIMPLE, credentialName: 'configmap://other/x'}}", ".tls.credentialName"),
        ("{tls: {mode: SIMPLE, credentialName: 'configmap://x'}}", ".tls.credentialName"),
        ("{tls: {mode: ISTIO_MUTUAL, credentialName: 'configmap://other/x'}}", ".tls.credentialName"),
        ("{tls: {mode: SIMPLE, insecureSkipVerify: true, credentialName: a}}", ".tls.insecureSkipVerify"),
        ("{tls: {mode: SIMPLE, insecureSkipVerify: true, subjectAltNames: [a]}}", ".tls.insecureSkipVerify"),
        ("{tunnel: {protocol: PUT, targetHost: a, targetPort: 1}}", ".tunnel.protocol"),
        ("{tunnel: {targetHost: a, targetPort: 1}, proxyProtocol: {}}", ".tunnel"),
    ],
)
def test_what_istio_refuses_is_refused(text: str, field: str) -> None:
    assert refused(text) == [f"spec{field}"]


def test_credential_of_a_client_that_verifies_nothing_may_hold_its_own_certificate() -> None:
    assert refused("{tls: {mode: MUTUAL, insecureSkipVerify: true, credentialName: a}}") == []


def test_connections_may_be_idle_for_ever() -> None:
    assert refused("{connectionPool: {tcp: {idleTimeout: 0s}}}") == []
