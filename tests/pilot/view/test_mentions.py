from pilot.model.locality import HOSTNAME
from pilot.view.mentions import mentions_of
from tests.pilot.model.meshes import mesh_of

POD_NAME = "statefulset.kubernetes.io/pod-name"
ROUTE = """
kind: VirtualService
metadata: {name: v, namespace: app}
spec:
  hosts: [web]
  http: [{match: [{sourceLabels: {%s: x, app: y}}], route: [{destination: {host: web}}]}]
"""
TCP = """
kind: VirtualService
metadata: {name: v, namespace: app}
spec:
  hosts: [web]
  tcp: [{match: [{sourceLabels: {kubernetes.io/hostname: n}}], route: [{destination: {host: web}}]}]
"""
TLS = """
kind: VirtualService
metadata: {name: v, namespace: app}
spec:
  hosts: [web]
  tls: [{match: [{sniHosts: [web], sourceLabels: {kubernetes.io/hostname: n}}], route: [{destination: {host: web}}]}]
"""
RULE = """
kind: DestinationRule
metadata: {name: r, namespace: app}
spec:
  host: web
  %s
"""
LOCALITY = (
    "loadBalancer: {localityLbSetting: {failoverPriority: [topology.kubernetes.io/zone, kubernetes.io/hostname=n]}}"
)
SERVICE = "kind: Service\nmetadata: {name: web, namespace: app}\nspec: {%s}"


def labels(text: str) -> frozenset[str]:
    return mentions_of(mesh_of(text)).labels


def test_nobody_asks_in_an_ordinary_mesh() -> None:
    mentions = mentions_of(mesh_of(ROUTE % "version" + "---" + RULE % "subsets: []"))
    assert mentions.labels == frozenset()
    assert not mentions.node


def test_routes_ask_by_source_labels() -> None:
    assert labels(ROUTE % POD_NAME) == {POD_NAME}
    assert labels(TCP) == labels(TLS) == {HOSTNAME}


def test_rules_ask_by_failover_priority() -> None:
    assert labels(RULE % f"trafficPolicy: {{{LOCALITY}}}") == {HOSTNAME}
    assert labels(RULE % f"subsets: [{{name: v1, trafficPolicy: {{{LOCALITY}}}}}]") == {HOSTNAME}
    per_port = f"trafficPolicy: {{portLevelSettings: [{{port: {{number: 80}}, {LOCALITY}}}]}}"
    assert labels(RULE % per_port) == {HOSTNAME}


def test_services_ask_for_the_node() -> None:
    for spec in ("internalTrafficPolicy: Local", "trafficDistribution: PreferSameNode"):
        mentions = mentions_of(mesh_of(SERVICE % spec))
        assert mentions.node
        assert mentions.labels == {HOSTNAME}
    assert not mentions_of(mesh_of(SERVICE % "trafficDistribution: PreferClose")).node
