"""Traffic policies: what a DestinationRule, or a part of it, says about connections.

In: the policy of a rule or subset, and its path in the object. Out: findings. What Envoy would refuse costs a cluster
or all routes of a port, and makes an object unservable; numbers are Envoy's limits unless Istio's API is narrower.
Source: CA behaviour 5.4 (DestinationRule).
"""

from pilot.model.decoding import Path, describe
from pilot.model.traffic_policy import (
    ClientTLSMode,
    ClientTLSSettings,
    ConnectionPoolSettings,
    ConsistentHashLB,
    H2UpgradePolicy,
    HTTPCookie,
    HTTPSettings,
    LoadBalancerSettings,
    OutlierDetection,
    PortTrafficPolicy,
    TCPSettings,
    TrafficPolicy,
    TunnelSettings,
    WarmupConfiguration,
)
from pilot.validation import forms, locality
from pilot.validation.finding import Finding, Findings, note, refused_if, unservable, unservable_if
from pilot.validation.syntax import address_family, domain_fault, host_fault, port_fault

LARGEST_RING = 8_388_608
LARGEST_TABLE = 5_000_011
LONGEST_SNI = 255


def traffic_policy(policy: TrafficPolicy | None, path: Path, namespace: str) -> Findings:
    """Everything of a policy, those of its ports included; `namespace`: the object's."""
    if policy is None:
        return
    if policy == TrafficPolicy():
        yield Finding(path, "expected at least one setting, got an empty policy")
    yield from _part(policy, path, namespace)
    for index, each in enumerate(policy.port_level_settings):
        place = (*path, "portLevelSettings", index)
        number = each.port.number if each.port is not None else 0
        yield from unservable_if((*place, "port", "number"), port_fault(number))
        if each == PortTrafficPolicy(port=each.port):
            yield Finding(place, "expected at least one setting beside the port, got none")
        yield from _part(each, place, namespace)
    if policy.retry_budget is not None and policy.retry_budget.percent is not None:
        yield from percentage(policy.retry_budget.percent, (*path, "retryBudget", "percent"))
    if policy.tunnel is not None:
        yield from _tunnel(policy.tunnel, (*path, "tunnel"))
        if policy.proxy_protocol is not None:
            yield Finding((*path, "tunnel"), "expected tunnel or proxyProtocol, got both")


def _part(policy: TrafficPolicy | PortTrafficPolicy, path: Path, namespace: str) -> Findings:
    if policy.load_balancer is not None:
        yield from _load_balancer(policy.load_balancer, (*path, "loadBalancer"))
        has_outliers = policy.outlier_detection is not None
        setting = policy.load_balancer.locality_lb_setting
        yield from locality.preference(setting, (*path, "loadBalancer", "localityLbSetting"), has_outliers)
    if policy.connection_pool is not None:
        yield from connection_pool(policy.connection_pool, (*path, "connectionPool"))
    if policy.outlier_detection is not None:
        yield from _outlier_detection(policy.outlier_detection, (*path, "outlierDetection"))
    if policy.tls is not None:
        yield from _tls(policy.tls, (*path, "tls"), namespace)


def percentage(value: float, path: Path) -> Findings:
    """A share in percent."""
    if not 0 <= value <= 100:  # NaN is not
        yield unservable(path, f"expected a percentage from 0 to 100, got {value:g}")


# --- load balancing -------------------------------------------------------------------------------------------------


def _load_balancer(settings: LoadBalancerSettings, path: Path) -> Findings:
    if settings.consistent_hash is not None:
        yield from _consistent_hash(settings.consistent_hash, (*path, "consistentHash"))
    yield from forms.duration(settings.warmup_duration_secs, (*path, "warmupDurationSecs"))
    if settings.warmup is not None:
        yield from _warmup(settings.warmup, (*path, "warmup"))


def _consistent_hash(settings: ConsistentHashLB, path: Path) -> Findings:
    rings = [((*path, "minimumRingSize"), settings.minimum_ring_size)]
    if settings.ring_hash is not None:
        rings.append(((*path, "ringHash", "minimumRingSize"), settings.ring_hash.minimum_ring_size))
    for place, size in rings:
        if size > LARGEST_RING:
            yield unservable(place, f"expected a ring of {LARGEST_RING} at most, got {size}")
    if settings.minimum_ring_size:
        yield note((*path, "minimumRingSize"), "consistent hash minimumRingSize is deprecated, use ringHash instead")
        if settings.ring_hash is not None or settings.maglev is not None:
            yield Finding((*path, "minimumRingSize"), "expected it in ringHash only, where ringHash or maglev is given")
    if settings.maglev is not None:
        yield from _table(settings.maglev.table_size, (*path, "maglev", "tableSize"))
    if settings.http_cookie is not None:
        yield from _cookie(settings.http_cookie, (*path, "httpCookie"))


def _table(size: int, path: Path) -> Findings:
    message = f"expected a prime number below {LARGEST_TABLE}, got {size}"
    if size and (size > LARGEST_TABLE or not _is_prime(size)):
        yield unservable(path, message)
    elif not size or size == LARGEST_TABLE:
        yield Finding(path, message)


def _cookie(cookie: HTTPCookie, path: Path) -> Findings:
    if not cookie.name:
        yield Finding((*path, "name"), "expected the name of a cookie, got nothing")
    names: set[str] = set()
    for index, attribute in enumerate(cookie.attributes):
        place = (*path, "attributes", index)
        if not attribute.name or not _is_one_line(attribute.name):
            yield unservable((*place, "name"), "expected a name on one line")
        if not _is_one_line(attribute.value):
            yield unservable((*place, "value"), "expected a value on one line")
        if attribute.name in names:
            yield Finding((*place, "name"), f'expected every attribute once, got "{attribute.name[:80]}" again')
        names.add(attribute.name)


def _warmup(settings: WarmupConfiguration, path: Path) -> Findings:
    if settings.duration is None:
        yield Finding((*path, "duration"), "expected a duration, got nothing")
    yield from forms.duration(settings.duration, (*path, "duration"))
    if settings.minimum_percent is not None:
        yield from percentage(settings.minimum_percent, (*path, "minimumPercent"))
    if settings.aggression is not None and not settings.aggression >= 1:
        yield unservable((*path, "aggression"), f"expected a factor of 1 or more, got {settings.aggression:g}")


def _outlier_detection(settings: OutlierDetection, path: Path) -> Findings:
    if settings.consecutive_errors:
        words = "is deprecated, use consecutiveGatewayErrors or consecutive5xxErrors instead"
        yield note((*path, "consecutiveErrors"), f"outlier detection consecutive errors {words}")
    if settings.consecutive_local_origin_failures and not settings.split_external_local_origin_errors:
        message = "expected splitExternalLocalOriginErrors beside it, got false: it would count nothing"
        yield Finding((*path, "consecutiveLocalOriginFailures"), message)
    yield from forms.duration(settings.interval, (*path, "interval"))
    yield from forms.duration(settings.base_ejection_time, (*path, "baseEjectionTime"))
    yield from percentage(settings.max_ejection_percent, (*path, "maxEjectionPercent"))
    yield from percentage(max(settings.min_health_percent, 0), (*path, "minHealthPercent"))
    if settings.min_health_percent < 0:
        message = f"expected a percentage from 0 to 100, got {settings.min_health_percent}"
        yield Finding((*path, "minHealthPercent"), message)


# --- connections ----------------------------------------------------------------------------------------------------


def connection_pool(settings: ConnectionPoolSettings, path: Path) -> Findings:
    """Limits toward one upstream, or of one listener."""
    if settings.tcp is None and settings.http is None:
        yield Finding(path, "expected tcp or http, got neither")
    if settings.tcp is not None:
        yield from _tcp(settings.tcp, (*path, "tcp"))
    if settings.http is not None:
        yield from _http(settings.http, (*path, "http"))


def _tcp(settings: TCPSettings, path: Path) -> Findings:
    yield from _not_negative(settings.max_connections, (*path, "maxConnections"))
    yield from forms.duration(settings.connect_timeout, (*path, "connectTimeout"))
    yield from forms.duration(settings.max_connection_duration, (*path, "maxConnectionDuration"))
    if settings.idle_timeout:  # 0: connections may be idle for ever
        yield from forms.duration(settings.idle_timeout, (*path, "idleTimeout"))
    if settings.tcp_keepalive is not None:
        yield from forms.duration(settings.tcp_keepalive.time, (*path, "tcpKeepalive", "time"))
        yield from forms.duration(settings.tcp_keepalive.interval, (*path, "tcpKeepalive", "interval"))


def _http(settings: HTTPSettings, path: Path) -> Findings:
    yield from _not_negative(settings.http1_max_pending_requests, (*path, "http1MaxPendingRequests"))
    yield from _not_negative(settings.http2_max_requests, (*path, "http2MaxRequests"))
    yield from _not_negative(settings.max_requests_per_connection, (*path, "maxRequestsPerConnection"))
    yield from _not_negative(settings.max_retries, (*path, "maxRetries"))
    yield from _not_negative(settings.max_concurrent_streams, (*path, "maxConcurrentStreams"))
    yield from forms.duration(settings.idle_timeout, (*path, "idleTimeout"))
    if settings.use_client_protocol and settings.h2_upgrade_policy is H2UpgradePolicy.UPGRADE:
        yield Finding((*path, "useClientProtocol"), "expected false with h2UpgradePolicy UPGRADE, got true")


def _not_negative(value: int, path: Path) -> Findings:
    if value < 0:
        yield Finding(path, f"expected a number of 0 or more, got {value}")


def _tls(settings: ClientTLSSettings, path: Path, namespace: str) -> Findings:
    if len(settings.sni.encode()) > LONGEST_SNI:
        yield unservable((*path, "sni"), f"expected {LONGEST_SNI} bytes at most, got {len(settings.sni.encode())}")
    yield from refused_if((*path, "credentialName"), _credential_fault(settings.credential_name, namespace))
    if settings.mode in (ClientTLSMode.DISABLE, ClientTLSMode.ISTIO_MUTUAL):
        return  # nothing else is read
    if settings.insecure_skip_verify:
        # The credential of MUTUAL may hold a client's certificate only.
        only_verifies = settings.mode is ClientTLSMode.SIMPLE and settings.credential_name
        if settings.ca_certificates or settings.subject_alt_names or only_verifies:
            message = "expected no caCertificates, credentialName or subjectAltNames with it: nothing is verified"
            yield Finding((*path, "insecureSkipVerify"), message)
    files = {
        "clientCertificate": settings.client_certificate,
        "privateKey": settings.private_key,
        "caCertificates": settings.ca_certificates,
        "caCrl": settings.ca_crl,
    }
    given = [name for name, file in files.items() if file]
    if settings.credential_name:
        if given:
            yield Finding((*path, "credentialName"), f"expected no files beside a credential, got {', '.join(given)}")
    elif settings.mode is ClientTLSMode.MUTUAL:
        for name in ("clientCertificate", "privateKey"):
            if not files[name]:
                yield Finding((*path, name), "expected a file for mode MUTUAL, got nothing")


def _credential_fault(name: str, namespace: str) -> str | None:
    kind, _, rest = name.partition("://")
    owner, _, own_name = rest.partition("/")
    if kind != "configmap" or (owner == namespace and own_name.partition("/")[0]):
        return None
    return f"expected configmap://{namespace}/ and the name of a ConfigMap, got {describe(name)}"


def _tunnel(settings: TunnelSettings, path: Path) -> Findings:
    if settings.protocol not in ("", "CONNECT", "POST"):
        yield Finding((*path, "protocol"), f'expected CONNECT or POST, got "{settings.protocol[:80]}"')
    host = settings.target_host
    wrong = host_fault(host) if host else "expected a host, got nothing"
    yield from unservable_if((*path, "targetHost"), wrong)
    if wrong is None and not address_family(host):
        yield from refused_if((*path, "targetHost"), domain_fault(host))
    yield from unservable_if((*path, "targetPort"), port_fault(settings.target_port))


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % each for each in range(2, int(number**0.5) + 1))


def _is_one_line(text: str) -> bool:
    return not set(text) & set("\x00\r\n")
