from pilot.generators.routes.caller import caller_of, source_labels
from tests import recordings
from tests.pilot.generators import worlds

BY_LABEL = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  http: [{match: [{sourceLabels: {app: client}}], route: [{destination: {host: reviews}}]}]
  tls: [{match: [{sniHosts: [a.b], sourceLabels: {tier: front}}], route: [{destination: {host: reviews}}]}]
  tcp: [{match: [{sourceLabels: {zone: z}}], route: [{destination: {host: reviews}}]}]
"""


def test_workloads_of_a_namespace_ask_as_one() -> None:
    snapshot = recordings.snapshot_of(worlds.REVIEWS)
    one = caller_of(recordings.view_of(snapshot, worlds.sidecar(ip="10.9.0.1", LABELS={"app": "a"})))
    two = caller_of(recordings.view_of(snapshot, worlds.sidecar(ip="10.9.0.2", LABELS={"app": "b"})))

    assert one is two
    assert not one.labels


def test_labels_count_only_where_a_route_asks_for_them() -> None:
    snapshot = recordings.snapshot_of(f"{worlds.REVIEWS}\n---\n{BY_LABEL}")
    first = recordings.view_of(snapshot, worlds.sidecar(LABELS={"app": "a", "version": "v1"}))
    second = recordings.view_of(snapshot, worlds.sidecar(LABELS={"app": "b", "version": "v1"}))

    assert source_labels(first.scope) == ("app", "tier", "zone")
    assert caller_of(first).labels == {"app": "a"}
    assert caller_of(first) is not caller_of(second)


def test_settings_of_the_node_make_another_caller() -> None:
    snapshot = recordings.snapshot_of(worlds.REVIEWS)
    quiet = worlds.sidecar(PROXY_CONFIG={"proxyHeaders": {"attemptCount": {"disabled": True}}})

    assert not caller_of(recordings.view_of(snapshot, quiet)).settings.attempt_count
    assert caller_of(recordings.view_of(snapshot, worlds.sidecar())).settings.attempt_count
