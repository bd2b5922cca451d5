import yaml

from pilot.model.decoding import decode_value
from pilot.model.duration import Duration
from pilot.model.traffic_policy import (
    ClientTLSMode,
    H2UpgradePolicy,
    LocalityDistribute,
    LocalityFailover,
    ProxyProtocolVersion,
    SimpleLB,
    TrafficPolicy,
)

EVERYTHING = yaml.safe_load("""
loadBalancer:
  simple: LEAST_REQUEST
  localityLbSetting:
    enabled: false
    distribute: [{from: a/*, to: {a/*: 80, b/*: 20}}]
    failover: [{from: a, to: b}]
    failoverPriority: [topology.istio.io/network]
  warmup: {duration: 60s, minimumPercent: 10, aggression: 1.5}
  warmupDurationSecs: 30s
connectionPool:
  tcp:
    maxConnections: 100
    connectTimeout: 30ms
    tcpKeepalive: {probes: 3, time: 7200s, interval: 75s}
    maxConnectionDuration: 1h
    idleTimeout: 5m
  http:
    http1MaxPendingRequests: 1
    http2MaxRequests: 2
    maxRequestsPerConnection: 3
    maxRetries: 4
    idleTimeout: 5s
    h2UpgradePolicy: UPGRADE
    useClientProtocol: true
    maxConcurrentStreams: 6
outlierDetection:
  splitExternalLocalOriginErrors: true
  consecutiveLocalOriginFailures: 1
  consecutiveGatewayErrors: 0
  consecutive5xxErrors: 7
  interval: 1s
  baseEjectionTime: 3m
  maxEjectionPercent: 100
  minHealthPercent: 50
tls:
  mode: MUTUAL
  clientCertificate: /c
  privateKey: /k
  caCertificates: /ca
  credentialName: cred
  subjectAltNames: [a]
  sni: b
  insecureSkipVerify: false
  caCrl: /crl
portLevelSettings:
- port: {number: 80}
  loadBalancer: {consistentHash: {httpCookie: {name: c, path: /, ttl: 0s, attributes: [{name: SameSite, value: Lax}]}}}
- port: {number: 81}
  loadBalancer: {consistentHash: {useSourceIp: true, maglev: {tableSize: 1009}}}
tunnel: {protocol: CONNECT, targetHost: t, targetPort: 443}
proxyProtocol: {version: V2}
retryBudget: {percent: 25.5, minRetryConcurrency: 5}
""")


def test_every_field_of_a_traffic_policy_arrives() -> None:
    policy, faults = decode_value(EVERYTHING, TrafficPolicy)
    assert faults == ()
    assert policy is not None
    balancer, pool, outlier, tls = policy.load_balancer, policy.connection_pool, policy.outlier_detection, policy.tls
    assert balancer is not None
    assert balancer.simple is SimpleLB.LEAST_REQUEST
    assert balancer.locality_lb_setting is not None
    assert balancer.locality_lb_setting.distribute == (LocalityDistribute(from_="a/*", to={"a/*": 80, "b/*": 20}),)
    assert balancer.locality_lb_setting.failover == (LocalityFailover(from_="a", to="b"),)
    assert balancer.warmup is not None
    assert balancer.warmup.aggression == 1.5
    assert pool is not None
    assert pool.tcp is not None
    assert pool.tcp.connect_timeout == Duration(milliseconds=30)
    assert pool.http is not None
    assert pool.http.h2_upgrade_policy is H2UpgradePolicy.UPGRADE
    assert outlier is not None
    assert (outlier.consecutive_5xx_errors, outlier.consecutive_gateway_errors) == (7, 0)
    assert tls is not None
    assert (tls.mode, tls.insecure_skip_verify) == (ClientTLSMode.MUTUAL, False)
    assert policy.proxy_protocol is not None
    assert policy.proxy_protocol.version is ProxyProtocolVersion.V2
    assert policy.retry_budget is not None
    assert policy.retry_budget.percent == 25.5


def test_zero_and_absent_are_two_things_where_istio_tells_them_apart() -> None:
    policy, _ = decode_value({"outlierDetection": {"consecutiveGatewayErrors": 0}}, TrafficPolicy)
    assert policy is not None
    assert policy.outlier_detection is not None
    assert policy.outlier_detection.consecutive_gateway_errors == 0
    assert policy.outlier_detection.consecutive_5xx_errors is None


def test_one_hash_key_and_one_algorithm() -> None:
    both = {"loadBalancer": {"simple": "RANDOM", "consistentHash": {"useSourceIp": True}}}
    policy, faults = decode_value(both, TrafficPolicy)
    assert policy is None
    assert faults[0].message == "expected at most one of simple, consistentHash, got simple and consistentHash"
    two_keys = {"loadBalancer": {"consistentHash": {"useSourceIp": True, "httpHeaderName": "x"}}}
    policy, faults = decode_value(two_keys, TrafficPolicy)
    assert policy is None
    assert faults[0].path == ("loadBalancer", "consistentHash", "useSourceIp")
