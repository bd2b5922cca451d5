"""Ingresses with hosts and ports that nobody could serve."""

from pilot.gatewayapi.gateway import KubernetesGateway, KubernetesGatewaySpec, Listener
from pilot.gatewayapi.policy import BackendTlsPolicy, BackendTlsPolicySpec, BackendValidation
from pilot.gatewayapi.route import (
    Cors,
    Filter,
    HttpRoute,
    HttpRouteSpec,
    HttpRule,
    RequestRedirect,
    Retry,
    StreamRouteSpec,
    StreamRule,
    TcpRoute,
    UrlRewrite,
    WeightedBackend,
)
from pilot.model.ingress import (
    BackendPort,
    Ingress,
    IngressBackend,
    IngressHttp,
    IngressPath,
    IngressRule,
    IngressSpec,
    IngressTls,
    ServiceBackend,
)
from pilot.model.kubernetes import Pod
from pilot.validation.gateway_api import gateway_api


def test_an_ingress_without_faults_has_none() -> None:
    rule = IngressRule(host="*.example.com", http=IngressHttp(paths=(IngressPath(path="/"),)))
    checked = Ingress(spec=IngressSpec(rules=(rule, IngressRule()), tls=(IngressTls(hosts=("a.example.com",)),)))
    assert list(gateway_api(checked)) == []
    assert list(gateway_api(Pod())) == []


def test_hosts_and_ports_of_an_ingress_are_checked() -> None:
    backend = IngressBackend(service=ServiceBackend(name="web", port=BackendPort(number=70000)))
    rule = IngressRule(host="a b", http=IngressHttp(paths=(IngressPath(backend=backend),)))
    checked = Ingress(spec=IngressSpec(rules=(rule,), tls=(IngressTls(hosts=("good", "-bad-")),)))
    assert [each.path for each in gateway_api(checked)] == [
        ("spec", "rules", 0, "host"),
        ("spec", "rules", 0, "http", "paths", 0, "backend", "service", "port", "number"),
        ("spec", "tls", 0, "hosts", 1),
    ]


def test_hostnames_of_gateways_and_policies_are_checked() -> None:
    gateway = KubernetesGateway(spec=KubernetesGatewaySpec(listeners=(Listener(), Listener(hostname="a b"))))
    assert [each.path for each in gateway_api(gateway)] == [("spec", "listeners", 1, "hostname")]
    policy = BackendTlsPolicy(spec=BackendTlsPolicySpec(validation=BackendValidation(hostname="!")))
    assert [each.path for each in gateway_api(policy)] == [("spec", "validation", "hostname")]


def test_numbers_and_hosts_of_routes_are_checked() -> None:
    redirect = Filter(request_redirect=RequestRedirect(port=70000), cors=Cors(max_age=-1))
    rewrite = Filter(url_rewrite=UrlRewrite(hostname="a b"))
    rule = HttpRule(
        backend_refs=(WeightedBackend(weight=-1),), filters=(redirect, rewrite), retry=Retry(attempts=2**31)
    )
    route = HttpRoute(spec=HttpRouteSpec(hostnames=("*.a.com", "*a*"), rules=(rule,)))
    assert [each.path for each in gateway_api(route)] == [
        ("spec", "hostnames", 1),
        ("spec", "rules", 0, "backendRefs", 0, "weight"),
        ("spec", "rules", 0, "filters", 0, "requestRedirect", "port"),
        ("spec", "rules", 0, "filters", 0, "cors", "maxAge"),
        ("spec", "rules", 0, "filters", 1, "urlRewrite", "hostname"),
        ("spec", "rules", 0, "retry", "attempts"),
    ]
    good = TcpRoute(spec=StreamRouteSpec(rules=(StreamRule(backend_refs=(WeightedBackend(),)),)))
    assert list(gateway_api(good)) == []
