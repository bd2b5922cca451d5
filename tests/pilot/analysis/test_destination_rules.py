from pilot.analysis.destination_rules import addresses, certificates, empty_subsets, unknown_hosts
from tests.pilot.analysis.worlds import FRUIT, POD, said

ORIGIN = "DestinationRule shop/d"


def rule(spec: str) -> str:
    return f"{{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {{name: d, namespace: shop}}, spec: {{host: fruit, {spec}}}}}"  # noqa: E501


def entry(port: str, extra: str = "", status: str = "{}") -> str:
    return f"{{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {{name: e, namespace: shop}}, spec: {{hosts: [e.test], ports: [{{{port}}}]{extra}}}, status: {status}}}"  # noqa: E501


def test_tls_names_who_may_vouch() -> None:
    assert said(certificates, rule("trafficPolicy: {tls: {mode: SIMPLE}}")) == [("IST0128", ORIGIN)]
    assert said(certificates, rule("trafficPolicy: {tls: {mode: SIMPLE, caCertificates: /a}}")) == []
    secret = "trafficPolicy: {tls: {mode: SIMPLE, credentialName: c}}"
    assert said(certificates, rule(secret)) == [("IST0128", ORIGIN)]
    assert said(certificates, rule(secret + ", workloadSelector: {matchLabels: {a: b}}")) == []
    port = "trafficPolicy: {portLevelSettings: [{port: {number: 443}, tls: {mode: MUTUAL}}]}"
    assert said(certificates, rule(port)) == [("IST0129", ORIGIN)]


def test_hosts_are_known() -> None:
    assert said(unknown_hosts, rule("")) == [("IST0174", ORIGIN)]
    assert said(unknown_hosts, FRUIT, rule("")) == []
    wide = rule("").replace("host: fruit", 'host: "*.svc.cluster.local"')
    assert said(unknown_hosts, FRUIT, wide) == []
    assert said(unknown_hosts, wide) == [("IST0174", ORIGIN)]


def test_subsets_have_pods_and_localities_are_labels() -> None:
    text = rule("subsets: [{name: a, labels: {topology.kubernetes.io/zone: z}}]")
    assert said(empty_subsets, FRUIT, POD, text) == [("IST0173", ORIGIN)]
    node = "{apiVersion: v1, kind: Node, metadata: {name: n, labels: {topology.kubernetes.io/zone: z}}}"
    assert said(empty_subsets, FRUIT, POD.replace("spec: {", "spec: {nodeName: n, "), node, text) == []
    assert said(empty_subsets, POD, text) == []  # nobody knows the host: that is told elsewhere
    there = FRUIT.replace("selector: {app: fruit}, ", "")
    elsewhere = POD.replace("namespace: shop", "namespace: far").replace("app: fruit", "version: v1")
    versions = rule("subsets: [{name: a, labels: {version: v1}}]")
    assert said(empty_subsets, there, elsewhere, versions) == []
    assert said(empty_subsets, FRUIT, elsewhere, versions) == [("IST0173", ORIGIN)]


def test_tcp_needs_addresses() -> None:
    found = [("IST0134", "ServiceEntry shop/e")]
    assert said(addresses, entry("number: 1, protocol: TCP")) == found
    assert said(addresses, entry("number: 1, protocol: ''")) == found
    assert said(addresses, entry("number: 1, protocol: HTTP")) == []
    assert said(addresses, entry("number: 1, protocol: TCP", ", addresses: [1.2.3.4]")) == []
    assert said(addresses, entry("number: 1, protocol: TCP", status="{addresses: [{value: 240.240.0.1}]}")) == []
    metadata = {"ISTIO_META_DNS_AUTO_ALLOCATE": "true", "ISTIO_META_DNS_CAPTURE": "true"}
    assert said(addresses, entry("number: 1"), mesh={"defaultConfig": {"proxyMetadata": metadata}}) == []
