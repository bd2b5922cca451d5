"""Ingresses with hosts and ports that nobody could serve."""

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
from pilot.sources.api_checks import api_faults


def test_an_ingress_without_faults_has_none() -> None:
    rule = IngressRule(host="*.example.com", http=IngressHttp(paths=(IngressPath(path="/"),)))
    checked = Ingress(spec=IngressSpec(rules=(rule, IngressRule()), tls=(IngressTls(hosts=("a.example.com",)),)))
    assert list(api_faults(checked)) == []
    assert list(api_faults(Pod())) == []


def test_hosts_and_ports_of_an_ingress_are_checked() -> None:
    backend = IngressBackend(service=ServiceBackend(name="web", port=BackendPort(number=70000)))
    rule = IngressRule(host="a b", http=IngressHttp(paths=(IngressPath(backend=backend),)))
    checked = Ingress(spec=IngressSpec(rules=(rule,), tls=(IngressTls(hosts=("good", "-bad-")),)))
    assert [each.path for each in api_faults(checked)] == [
        ("spec", "rules", 0, "host"),
        ("spec", "rules", 0, "http", "paths", 0, "backend", "service", "port", "number"),
        ("spec", "tls", 0, "hosts", 1),
    ]
