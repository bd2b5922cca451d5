"""Whatever happened before, what a waypoint is served equals what it would be served from scratch."""

from collections.abc import Mapping, Sequence
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from pilot.memo import clear_all
from pilot.model.objects import Event
from pilot.model.snapshot import Snapshot
from pilot.pipeline import Moment, resources_for
from pilot.type_urls import CLUSTER, ENDPOINT, LISTENER
from pilot.view import node
from tests.recordings import RECORDED_ENVIRONMENT, decode_objects, node_of, snapshot_of
from tests.waypoint_mesh import GATEWAY, NODE, WAYPOINT, WEB, pod, slice_of

HOST: Final = "api.shop.svc.cluster.local"
API: Final = """
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop, labels: {LABELS}}
spec: {clusterIP: 10.0.0.2, selector: {app: api}, ports: [{name: NAME, port: 80, targetPort: 8080}]}
"""
ROUTE: Final = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec: {hosts: [web.shop.svc.cluster.local], http: [{route: [{destination: {host: DEST, subset: v1}}]}]}
"""
RULE: Final = f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: api, namespace: shop}}
spec: {{host: {HOST}, trafficPolicy: {{loadBalancer: {{simple: RANDOM}}}}, subsets: [{{name: v1}}]}}
"""
POLICY: Final = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p, namespace: shop}
spec: {targetRefs: [TARGET], rules: [{}]}
"""
SERVICE: Final = '{group: "", kind: Service, name: api}'
OWN: Final = "{group: gateway.networking.k8s.io, kind: Gateway, name: waypoint}"
BOTH: Final = GATEWAY.replace("namespace: shop}", "namespace: shop, labels: {istio.io/waypoint-for: all}}")
NAMESPACE: Final = "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}"
CHANGES: Final[Mapping[str, Sequence[str]]] = {
    "service": [API.replace("LABELS", each).replace("NAME", name) for each in ("", "istio.io/use-waypoint: none")
                for name in ("http", "tcp", "any")],
    "route": [ROUTE.replace("DEST", each) for each in (HOST, "nowhere", "web.shop.svc.cluster.local")],
    "rule": [RULE],
    "policy": [POLICY.replace("TARGET", each) for each in (SERVICE, OWN)],
    "gateway": [GATEWAY, BOTH],
    "namespace": [NAMESPACE, WAYPOINT.partition("---")[0]],
    "pod": [pod("api-1", "10.1.0.1", "{app: api}"), pod("api-1", "10.1.0.1", "{app: api}", captured=False),
            pod("api-1", "10.1.0.2", "{app: api}")],
    "slice": [slice_of("api", each, "api-1") for each in ("10.1.0.1", "10.1.0.2")],
}  # fmt: skip
STEPS: Final = st.lists(
    st.sampled_from([(kind, number) for kind, made in CHANGES.items() for number in range(-1, len(made))]), max_size=8
)
NAMES: Final = frozenset((f"inbound-vip|80|http|{HOST}", f"inbound-vip|80|tcp|{HOST}", f"outbound|80||{HOST}"))


def _events(kind: str, number: int) -> list[Event]:
    """The objects of a change; -1: they are gone."""
    made = list(decode_objects(CHANGES[kind][max(number, 0)]))
    return [Event(each.key, None) for each in made] if number < 0 else made


def _served(snapshot: Snapshot, ask: Moment | None = None) -> list[dict[str, str]]:
    proxy = node.parse_node(node_of(NODE), snapshot.features)
    found = []
    for type_url, names in ((CLUSTER, None), (LISTENER, None), (ENDPOINT, NAMES)):
        one = ask.resources_for(proxy, type_url, names) if ask else resources_for(snapshot, proxy, type_url, names)
        assert one is not None
        found.append({name: one[name].version for name in one})
    return found


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_what_is_served_does_not_depend_on_what_was_before(steps: list[tuple[str, int]]) -> None:
    snapshot = snapshot_of(f"{WAYPOINT}\n---\n{GATEWAY}\n---\n{WEB}", "", RECORDED_ENVIRONMENT)
    moment = Moment(snapshot)
    for kind, number in steps:
        snapshot, _ = snapshot.apply(_events(kind, number))
        moment = Moment(snapshot, moment)
        _served(snapshot, moment)
    then = _served(snapshot, moment)
    clear_all()

    assert _served(snapshot) == then
