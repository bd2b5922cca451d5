import yaml

from pilot.model.decoding import decode_value
from pilot.model.destination_rule import DestinationRule
from pilot.model.selectors import WorkloadSelector
from pilot.model.traffic_policy import SimpleLB


def test_every_field_of_a_destination_rule_arrives() -> None:
    value = yaml.safe_load("""
metadata: {name: reviews, namespace: default, creationTimestamp: "2024-01-01T00:00:00Z"}
spec:
  host: reviews
  trafficPolicy: {loadBalancer: {simple: RANDOM}}
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}, trafficPolicy: {tls: {mode: DISABLE}}}
  exportTo: ["*"]
  workloadSelector: {matchLabels: {app: web}}
""")
    rule, faults = decode_value(value, DestinationRule)
    assert faults == ()
    assert rule is not None
    assert rule.spec.traffic_policy is not None
    assert rule.spec.traffic_policy.load_balancer is not None
    assert rule.spec.traffic_policy.load_balancer.simple is SimpleLB.RANDOM
    assert [(subset.name, dict(subset.labels)) for subset in rule.spec.subsets] == [
        ("v1", {"version": "v1"}),
        ("v2", {"version": "v2"}),
    ]
    assert rule.spec.export_to == ("*",)
    assert rule.spec.workload_selector == WorkloadSelector(match_labels={"app": "web"})
    assert rule.created == "2024-01-01T00:00:00Z"
