import yaml

from pilot.model.decoding import decode_value
from pilot.model.selectors import WorkloadLabels
from pilot.model.service_entry import (
    ServiceEntry,
    ServiceEntryAddress,
    ServiceEntryLocation,
    ServiceEntryPort,
    ServiceEntryResolution,
)
from pilot.model.workload_entry import WorkloadEntrySpec


def test_every_field_of_a_service_entry_arrives() -> None:
    value = yaml.safe_load("""
metadata: {name: external, namespace: default}
spec:
  hosts: [api.example.com]
  addresses: [240.0.0.1, 10.1.0.0/16]
  ports: [{number: 443, protocol: TLS, name: tls, targetPort: 8443}]
  location: MESH_INTERNAL
  resolution: DNS_ROUND_ROBIN
  endpoints:
  - {address: 1.2.3.4, ports: {tls: 8444}, labels: {a: b}, network: n, locality: r/z, weight: 3, serviceAccount: sa}
  workloadSelector: {labels: {app: x}}
  exportTo: ["."]
  subjectAltNames: [spiffe://cluster.local/ns/a/sa/b]
status: {addresses: [{value: 240.240.0.9, host: api.example.com}], conditions: [{type: Ready}]}
""")
    entry, faults = decode_value(value, ServiceEntry)
    assert faults == ()
    assert entry is not None
    assert entry.spec.location is ServiceEntryLocation.MESH_INTERNAL
    assert entry.spec.resolution is ServiceEntryResolution.DNS_ROUND_ROBIN
    assert entry.spec.ports == (ServiceEntryPort(number=443, protocol="TLS", name="tls", target_port=8443),)
    assert entry.spec.endpoints == (
        WorkloadEntrySpec(
            address="1.2.3.4",
            ports={"tls": 8444},
            labels={"a": "b"},
            network="n",
            locality="r/z",
            weight=3,
            service_account="sa",
        ),
    )
    assert entry.spec.workload_selector == WorkloadLabels(labels={"app": "x"})
    assert entry.status.addresses == (ServiceEntryAddress(value="240.240.0.9", host="api.example.com"),)


def test_an_entry_that_says_little_is_external_and_not_resolved() -> None:
    entry = ServiceEntry()
    assert entry.spec.location is ServiceEntryLocation.MESH_EXTERNAL
    assert entry.spec.resolution is ServiceEntryResolution.NONE
