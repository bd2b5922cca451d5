"""What Telemetry documents may hold."""

from pilot.model.telemetry import AccessLogging, IstioMetric, TagOperation, Tracing, WorkloadMode
from tests.pilot.model.meshes import only

DOCUMENT = """
apiVersion: telemetry.istio.io/v1alpha1
kind: Telemetry
metadata: {name: all, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  accessLogging: [{match: {mode: SERVER}, providers: [{name: envoy}], filter: {expression: "response.code >= 400"}}]
  tracing: [{randomSamplingPercentage: 0, customTags: {a: {formatter: {value: "%REQ(:path)%"}}}}]
  metrics:
  - overrides: [{match: {metric: REQUEST_COUNT, mode: CLIENT}, tagOverrides: {b: {operation: REMOVE}}}]
    reportingInterval: 10s
"""


def test_every_part_is_read() -> None:
    spec = only(DOCUMENT).spec
    assert spec.access_logging[0].mode is WorkloadMode.SERVER
    assert spec.tracing[0].random_sampling_percentage == 0
    (override,) = spec.metrics[0].overrides
    assert override.match.metric is IstioMetric.REQUEST_COUNT
    assert override.tag_overrides["b"].operation is TagOperation.REMOVE


def test_without_a_match_both_sides_are_meant() -> None:
    assert AccessLogging().mode is Tracing().mode is WorkloadMode.CLIENT_AND_SERVER
    assert WorkloadMode.CLIENT_AND_SERVER.covers(WorkloadMode.SERVER)
    assert not WorkloadMode.CLIENT.covers(WorkloadMode.SERVER)
